"""Hareline's own troubles, planted in real processes: each is a finding with what the database has of it, nothing else is, and its cure clears it."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import amqp
import pytest

from script.soak_parts.pages import TOKEN, logged_in
from script.soak_parts.stack import Stack
from tests.faults.conftest import Field
from tests.waiting import wait_until

RECEIVER, LATE = ("own_process", "receiver"), ("own_work", "events of faults at soak")
POLLER, THREAD, DISK = ("own_process", "poller"), ("own_work", "receipt of events of faults at soak"), ("own_storage", "database")


@pytest.mark.nightly
def test_a_poller_that_stands_still_a_thread_that_stores_nothing_and_a_full_disk_are_found_and_cured(field: Field) -> None:
    stack = field.stack
    before = shown(stack).keys()
    with nothing_stored(stack, "faults"), stack.paused("poller"), least_free(stack, "1000000000000"):
        # As if they had begun earlier: a heartbeat is missing after 15 s
        execute(stack, "UPDATE brokers_heartbeat SET at = datetime(at, '-18 seconds') WHERE kind = 'poller'")
        # Until its next round the broker's own finding may not yet be under that of the poller
        found = wait_until(lambda: (seen := shown(stack)).keys() - before == {POLLER, THREAD, DISK} and seen, seconds=90)
        assert [found[key]["level"] for key in (POLLER, THREAD, DISK)] == ["critical", "critical", "warning"]
        assert found[POLLER]["title"] == "Hareline’s poller process does not respond"
        assert evidence(found[POLLER])["Last heartbeat"]["at"][:19] == moment(stack, "at FROM brokers_heartbeat WHERE kind = 'poller'")
        assert evidence(found[THREAD])["Last stored"]["at"][:19] == moment(stack, "beat_at FROM workers_eventsource WHERE vhost = 'faults'")
        assert evidence(found[DISK])["Free"]["value"] in found[DISK]["title"]
    wait_until(lambda: not shown(stack).keys() & {POLLER, THREAD}, seconds=90)
    gone = "UPDATE dashboard_finding SET absent_since = datetime(absent_since, '-1 minute') WHERE rule = ? AND absent_since IS NOT NULL"
    wait_until(lambda: execute(stack, gone, DISK[0]), seconds=30)
    wait_until(lambda: DISK not in shown(stack), seconds=30)


@pytest.mark.nightly
def test_a_receiver_that_stands_still_and_the_events_that_wait_for_it_are_found_and_cured(field: Field) -> None:
    stack, node = field.stack, field.node
    before = shown(stack).keys()
    with setting(stack, "own_work", "waiting", "1000"):
        with (
            stack.paused("receiver"),
            amqp.Connection(f"127.0.0.1:{node.ports['amqp']}", userid=node.user, password=node.password, virtual_host=field.vhost) as link,
        ):
            channel = link.channel()
            for _ in range(3000):
                channel.basic_publish(amqp.Message("{}", content_type="application/json"), "celeryev", "worker.heartbeat")
            found = wait_until(lambda: (seen := shown(stack)).keys() - before >= {RECEIVER, LATE} and seen, seconds=90)
            assert found.keys() - before == {RECEIVER, LATE}
            assert [found[key]["level"] for key in (RECEIVER, LATE)] == ["critical", "warning"]
            assert found[RECEIVER]["title"] == "Hareline’s receiver process does not respond"
            waiting = sum(one["messages"] for one in node.api("GET", f"queues/{field.vhost}") if one["name"].endswith(".events"))
            assert abs(int(evidence(found[LATE])["Waiting"]["value"].replace(",", "")) - waiting) < 300 and waiting >= 1000
        wait_until(lambda: not shown(stack).keys() & {RECEIVER, LATE}, seconds=90)


def shown(stack: Stack) -> dict[tuple[str, str], dict[str, Any]]:
    """The open findings by (rule, name), without those that another one explains."""
    _, answer = stack.get("/api/v1/findings")
    return {(one["rule"], one["object"]["name"]): one for one in answer["items"] if one["explained_by"] is None}


def evidence(finding: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in finding["evidence"]}


def execute(stack: Stack, statement: str, *values: str) -> int:
    """How many rows it changed."""
    with closing(sqlite3.connect(stack.database, timeout=20)) as database, database:
        return database.execute(statement, values).rowcount


def moment(stack: Stack, what: str) -> str:
    """To the second, as the API writes it."""
    with closing(sqlite3.connect(stack.database, timeout=20)) as database:
        (found,) = database.execute(f"SELECT {what}").fetchone()
    return str(found)[:19].replace(" ", "T")


@contextmanager
def nothing_stored(stack: Stack, vhost: str) -> Iterator[None]:
    """The database refuses what the receiver's thread of one virtual host stores."""
    execute(stack, "UPDATE workers_eventsource SET beat_at = datetime(beat_at, '-40 seconds') WHERE vhost = ?", vhost)
    execute(stack, f"CREATE TRIGGER planted BEFORE UPDATE ON workers_eventsource WHEN OLD.vhost = '{vhost}' BEGIN SELECT RAISE(ABORT, 'planted'); END")
    try:
        yield
    finally:
        execute(stack, "DROP TRIGGER planted")


@contextmanager
def least_free(stack: Stack, value: str) -> Iterator[None]:
    """The disk's least free space."""
    with setting(stack, "own_storage", "free", value):
        yield


@contextmanager
def setting(stack: Stack, rule: str, threshold: str, value: str) -> Iterator[None]:
    """A threshold is set by the form, and the setting removed by its."""
    opener = logged_in(stack)
    page = f"{stack.url}/findings/rules/{rule}/"

    def post(path: str, **fields: str) -> str:
        token = TOKEN.search(opener.open(page, timeout=20).read().decode())
        assert token
        return str(opener.open(path, urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode(), timeout=20).read().decode())

    text = post(page, threshold=threshold, value=value)
    unset = text.partition('/remove/"')[0].rpartition('"')[2]
    try:
        yield
    finally:
        post(f"{stack.url}{unset}/remove/")
