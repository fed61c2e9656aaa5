"""Experiments on a real broker, run by the lab's own code: what is measured holds, agrees with the broker's counts, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone
from pytest_django import Settings

from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.polling import leases
from brokers.store import installation_id
from dashboard import store
from dashboard.lab.runner import INTERRUPTED, LEASE, Runner
from dashboard.models import LabExperiment, User
from tests.conftest import TestNode
from tests.every_case import every_case
from tests.lab.counted import acknowledged
from tests.waiting import wait_until
from workers.lab.catalog import PATTERNS
from workers.lab.plans import ARRANGEMENTS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
ROUND_SECONDS = 0.2
_pace = threading.Event()  # of the lab's process: a round each time it is due costs the processor little


def address(rabbitmq: TestNode) -> BrokerAddress:
    return BrokerAddress("prod", (rabbitmq.management_url,), rabbitmq.user, rabbitmq.password, amqp_url=rabbitmq.amqp_url().rpartition("/")[0])


def prepare(rabbitmq: TestNode, settings: Settings) -> None:
    settings.BROKERS, settings.LAB = (address(rabbitmq),), frozenset({"prod"})
    Broker.objects.create(name="prod", state=Broker.UP)


@pytest.fixture
def runner(rabbitmq: TestNode, settings: Settings, db: None) -> Iterator[Runner]:
    prepare(rabbitmq, settings)
    found = Runner("lab:1", installation_id(timezone.now()))
    yield found
    found.stop(timezone.now())


def begin(pattern: str, **knobs: Any) -> LabExperiment:
    user, _ = User.objects.get_or_create(username="ada")
    return store.begin_experiment(user, "prod", installation_id(timezone.now()), pattern, knobs, timezone.now())


def turn(runner: Runner, until: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Rounds of the lab's process until something is so."""

    def one() -> Any:
        _pace.wait(ROUND_SECONDS)
        runner.round(timezone.now())
        return until()

    return wait_until(one, seconds)


def verdict(found: LabExperiment) -> dict[str, str]:
    found.refresh_from_db()
    known: dict[str, str] = (found.measured or {}).get("verdict", {})
    return known


def holds(found: LabExperiment) -> bool:
    """On a machine that stands still for a while a claim may fail for a while too, until what was delayed is done."""
    return verdict(found).get("holds") == "yes"


def done(found: LabExperiment) -> dict[str, int]:
    found.refresh_from_db()
    return {node["name"]: node["done"] for node in found.measured["nodes"]}


def left(rabbitmq: TestNode) -> list[str]:
    prefix = f"hareline.{installation_id(timezone.now())}.lab."
    return [vhost["name"] for vhost in rabbitmq.api("GET", "vhosts") if vhost["name"].startswith(prefix)]


def agrees(runner: Runner, rabbitmq: TestNode, found: LabExperiment) -> None:
    """The broker has counted what the nodes wrote, and no more: they write before they acknowledge."""
    before = done(found)

    def counted() -> dict[str, int] | None:
        counts = acknowledged(rabbitmq.api, found.vhost)
        return counts if all(counts.get(name, 0) >= count for name, count in before.items()) else None

    counts = turn(runner, counted)
    runner.running[found.pk].round()
    after = {name: seen.done for name, seen in runner.running[found.pk].tally.nodes.items()}
    assert all(counts[name] <= count for name, count in after.items()), (counts, after)


@pytest.mark.django_db
def test_a_work_queue_is_shared_evenly_each_subscriber_has_each_message_and_nothing_is_left(runner: Runner, rabbitmq: TestNode) -> None:
    queue, news = begin("work_queue", prefetch=50, rate=20.0, work_ms=5), begin("publish_subscribe", nodes=2, rate=10.0, work_ms=5)
    turn(runner, lambda: holds(queue) and holds(news))
    for found in (queue, news):
        agrees(runner, rabbitmq, found)
    store.change_experiment(queue.pk, {"nodes": 2, "prefetch": 50, "rate": 20.0, "work_ms": 5})
    turn(runner, lambda: len(done(queue)) == 2 and holds(queue))
    hosts = [one.host_pid for one in runner.running.values()]
    store.stop_experiment(queue.pk, "ada")
    turn(runner, lambda: LabExperiment.objects.get(pk=queue.pk).state == LabExperiment.ENDED)
    leases.release(LEASE, runner.holder)
    other = Runner("lab:2", installation_id(timezone.now()))  # as after a kill: it knows nothing of the other's programs
    turn(other, lambda: LabExperiment.objects.get(pk=news.pk).reason == INTERRUPTED)
    assert left(rabbitmq) == []
    assert not runner.round(timezone.now())  # who lost the lease ends what it ran
    assert [pid for pid in hosts if pid is not None and alive(pid)] == []
    other.stop(timezone.now())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


QUICK: dict[str, dict[str, Any]] = {"retry": {"rate": 8.0}, "priority": {"rate": 20.0, "work_ms": 60}}
REST = [key for key in PATTERNS if key not in ("work_queue", "publish_subscribe", "arrangements")]


@pytest.mark.nightly
@pytest.mark.django_db
@every_case("key", REST, str)
def test_the_claim_of_every_pattern_holds_on_a_real_broker(key: str, runner: Runner, rabbitmq: TestNode) -> None:
    knobs = {name: getattr(PATTERNS[key].defaults, name) for name in ("nodes", "rate", "work_ms", "keys", "bindings")} | QUICK.get(key, {})
    found = begin(key, **{name: list(value) if isinstance(value, tuple) else value for name, value in knobs.items()})
    turn(runner, lambda: holds(found), 120)
    store.stop_experiment(found.pk, "ada")
    turn(runner, lambda: LabExperiment.objects.get(pk=found.pk).state == LabExperiment.ENDED)
    assert left(rabbitmq) == []


@pytest.mark.nightly
@pytest.mark.django_db
def test_each_arrangement_connects_from_its_machines_as_the_broker_sees_them(runner: Runner, rabbitmq: TestNode) -> None:
    found = begin("arrangements", nodes=1)
    for number, (_, producer, consumers) in ARRANGEMENTS.items():
        store.change_experiment(found.pk, {"nodes": 1, "rate": 5.0, "arrangement": number})

        def hosts() -> set[tuple[str, str]]:
            listed = rabbitmq.api("GET", f"vhosts/{found.vhost}/connections")
            return {(one.get("user_provided_name", ""), one.get("peer_host", "")) for one in listed}

        wanted = {("hareline lab publisher", producer), ("hareline lab node-1", consumers)}
        turn(runner, lambda wanted=wanted: wanted <= hosts())  # type: ignore[misc]
        turn(runner, lambda: holds(found))


@pytest.mark.nightly
@pytest.mark.django_db
def test_what_a_node_held_on_a_connection_that_the_broker_closed_no_longer_counts(runner: Runner, rabbitmq: TestNode) -> None:
    found = begin("work_queue", nodes=1, prefetch=20, rate=20.0, work_ms=300)
    runner.round(timezone.now())
    seen = runner.running[found.pk].tally.nodes["node-1"]

    def link() -> str | None:
        listed = rabbitmq.api("GET", f"vhosts/{found.vhost}/connections")
        return next((one["name"] for one in listed if one.get("user_provided_name") == "hareline lab node-1"), None)

    first = turn(runner, lambda: seen.held >= 18 and link())
    before = seen.got
    rabbitmq.api("DELETE", f"connections/{quote(first, safe='')}")
    turn(runner, lambda: seen.got >= before + 18)
    assert seen.address is not None and seen.most_held <= runner.running[found.pk].plan.nodes[0].limit


@pytest.mark.nightly
@pytest.mark.django_db
def test_a_producer_that_is_killed_is_started_again_and_measured_anew(runner: Runner, rabbitmq: TestNode) -> None:
    found = begin("work_queue", nodes=2, rate=10.0, work_ms=5)
    turn(runner, lambda: holds(found))
    running = runner.running[found.pk]
    assert running.host_pid is not None
    below = {pid for child in children(running.host_pid) for pid in children(child)}
    (producer,) = [pid for pid in children(running.host_pid) if not children(pid) and pid not in below]
    os.kill(producer, signal.SIGKILL)
    turn(runner, lambda: LabExperiment.objects.get(pk=found.pk).problem == "The producer ended by itself, and is started again.")
    turn(runner, lambda: running.tally.round_number == 2 and holds(found) and verdict(found) and not LabExperiment.objects.get(pk=found.pk).problem)
    assert running.tally.sent == len({one.id for one in running.tally.messages.values() if one.sent_at is not None})


@pytest.mark.nightly
def test_a_kill_of_the_real_process_leaves_no_program_and_the_next_start_removes_the_rest(
    rabbitmq: TestNode, settings: Settings, transactional_db: None
) -> None:
    prepare(rabbitmq, settings)
    found = begin("publish_subscribe")
    url = f"prod=http://{rabbitmq.user}:{rabbitmq.password}@{rabbitmq.management_url.partition('://')[2]}"
    more = {"HARELINE_BROKERS": url, "HARELINE_LAB": "prod", "HARELINE_BROKER_AMQP_PROD": rabbitmq.amqp_url().rpartition("/")[0]}

    def lab() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "manage.py", "runlab"], cwd=ROOT, env={**os.environ, **more})

    process = lab()
    try:
        wait_until(lambda: holds(found), 120)
        programs = children(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(alive, programs)), SECONDS)
        assert programs and left(rabbitmq) == [found.vhost]
        process = lab()
        wait_until(lambda: LabExperiment.objects.get(pk=found.pk).reason == INTERRUPTED and not left(rabbitmq), 120)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def children(pid: int) -> list[int]:
    """The processes below this one."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, next_ones = [], [pid]
    while next_ones:
        next_ones = [child for child, parent in parents.items() if parent in next_ones]
        found += next_ones
    return found
