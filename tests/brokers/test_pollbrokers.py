"""The process that polls: failures become facts, it recovers by itself, stands by, loses a round rather than itself, and ends quickly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connection
from requests import Response
from structlog.testing import capture_logs

from brokers import queries, store
from brokers.addresses import BrokerAddress
from brokers.management.commands.pollbrokers import measured
from brokers.management.management_api import Limits
from brokers.models import Broker
from brokers.polling import leases
from brokers.polling.poll_loop import PollLoop
from brokers.polling.share import Share
from brokers.process_runner import Work, run_until_stopped
from brokers.scope import EVERYTHING
from tests import postgres, waiting
from tests.brokers.management import QUICK, FakeManagement, InstantApi, binding
from tests.conftest import TestNode
from tests.fault_server import Answer, FaultServer

pytestmark = pytest.mark.django_db(transaction=True)
POLL_SECONDS = 0.2
Answered = TypeVar("Answered")


@pytest.fixture
def management(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


@contextmanager
def polling(*addresses: BrokerAddress, holder: str = "a", poll_seconds: float = POLL_SECONDS, limits: Limits = QUICK) -> Iterator[list[PollLoop]]:
    rows = store.ensure_brokers(addresses, datetime.now(UTC))
    loops = [PollLoop(address, rows[address.name].pk, holder, poll_seconds, limits=limits) for address in addresses]
    with running([work for loop in loops for work in (loop, loop.inventory)], holder):
        yield loops


@contextmanager
def running(work: Sequence[Work], holder: str, share: Share | None = None) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        try:
            run_until_stopped(work, "poller", holder, stop, share=share)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def broker(name: str = "prod") -> Broker:
    found = queries.broker(EVERYTHING, name)
    assert found is not None
    return found


def state(name: str = "prod") -> str:
    return broker(name).state


def depth_of(queue: str) -> int | None:
    found = queries.queue(EVERYTHING, "prod", "/", queue)
    return None if found is None else found.depth


def wait_until(condition: Callable[[], Answered], seconds: float = 30) -> Answered:
    return waiting.wait_until(condition, seconds)


def is_(wanted: object, read: Callable[[], object]) -> Callable[[], bool]:
    return lambda: read() == wanted


def test_what_a_broker_reports_is_stored_again_and_again(management: FakeManagement) -> None:
    management.set_bindings([binding("orders", "mail", "order.#")])
    management.set_queues({"mail": 3})
    with polling(management.address()):
        wait_until(is_(3, lambda: depth_of("mail")))
        assert (broker().state, broker().reason) == ("up", "")
        assert (broker().poll_seconds or 0) >= POLL_SECONDS  # longer where this machine is so busy that answers take their time
        management.set_queues({"mail": 5})
        wait_until(is_(5, lambda: depth_of("mail")))
        assert [heartbeat.kind for heartbeat in leases.heartbeats()] == ["poller"]
        wait_until(is_(["order.#"], lambda: [found.routing_key for found in queries.bindings(EVERYTHING, broker="prod")]))  # read in a thread of its own


def test_permissions_are_stored_where_they_may_be_read(management: FakeManagement) -> None:
    management.set("whoami", {"name": "ann", "tags": ["administrator"]})
    management.set("permissions", [{"user": "bob", "vhost": "/", "write": "^shop"}])
    management.set("topic-permissions", [])
    with polling(management.address()):
        wait_until(lambda: broker().permissions_known)
    assert [(one.user, one.write) for one in queries.permissions(EVERYTHING, "prod", "/")] == [("bob", "^shop")]


@pytest.mark.parametrize(
    ("status", "wanted", "words"),
    [(401, "refused", "refuses the user 'ann'"), (500, "unknown", "answered with status 500"), (302, "unknown", "redirect")],
)
def test_a_failure_is_a_fact_with_its_reason_and_passes(management: FakeManagement, status: int, wanted: str, words: str) -> None:
    management.set_queues({"mail": 3})
    with polling(management.address()):
        wait_until(is_(3, lambda: depth_of("mail")))
        for path in ("overview", "vhosts"):
            management.fail(path, status)
        wait_until(is_(wanted, state))
        assert words in broker().reason
        assert depth_of("mail") == 3  # the last that is known, never 0
        management.set_queues({"mail": 4})  # and the overview
        wait_until(is_("up", state))
        wait_until(is_(4, lambda: depth_of("mail")))


def test_a_broker_that_can_not_be_reached_does_not_hold_up_the_others(management: FakeManagement) -> None:
    management.set_queues({"mail": 3})
    nowhere = BrokerAddress("nowhere", ("http://127.0.0.1:9",), "u", "p")
    with polling(nowhere, management.address()):
        wait_until(is_("unreachable", lambda: state("nowhere")))
        wait_until(is_("up", state))
        assert broker("nowhere").reason.startswith("connection refused at 127.0.0.1:9")
        assert broker("nowhere").polled_at is None


def test_of_two_processes_one_polls_and_the_other_takes_over(management: FakeManagement) -> None:
    with polling(management.address(), holder="first"):
        wait_until(is_("up", state))
        with polling(management.address(), holder="second") as (standing_by,):
            wait_until(lambda: standing_by.standing_by)
            assert leases.holder_of("poll prod", datetime.now(UTC)) == "first"
    with polling(management.address(), holder="third"):
        wait_until(is_("third", lambda: leases.holder_of("poll prod", datetime.now(UTC))))


def test_a_database_that_can_not_be_written_costs_the_round_and_is_reported(management: FakeManagement) -> None:
    management.set_queues({"mail": 3})
    address = management.address()
    loop = PollLoop(address, store.ensure_brokers([address], datetime.now(UTC))["prod"].pk, "a", POLL_SECONDS, limits=QUICK)
    with connection.cursor() as cursor:
        cursor.execute(postgres.READ_ONLY)
    with capture_logs() as logs:
        loop.run_round()
    assert [(entry["event"], entry["broker"]) for entry in logs] == [("round_lost", "prod")]
    assert "readonly" in logs[0]["reason"].replace("-", "")
    assert broker().polled_at is None
    loop.run_round()
    assert depth_of("mail") == 3
    loop.stop()


def test_an_error_of_ours_is_logged_with_its_traceback_and_polling_goes_on(management: FakeManagement) -> None:
    address = management.address()
    loop = PollLoop(address, 4711, "a", POLL_SECONDS, limits=QUICK)  # no such row
    with capture_logs() as logs:
        assert loop.run_round() > 0
    assert [entry["event"] for entry in logs] == ["lease_taken", "poll_failed", "round_lost"]
    assert logs[1]["exc_info"] is True
    loop.stop()


def test_brokers_are_spread_over_pollers_and_move_when_one_joins_or_goes(management: FakeManagement) -> None:
    """One at a time polls each, also while they move."""
    addresses = [management.address(name) for name in ("a", "b", "c", "d")]

    def shares() -> dict[str, int]:
        return Counter(row.holder for row in leases.all_leases("poll ") if row.expires_at > datetime.now(UTC))

    with spreading(*addresses, holder="first"):
        wait_until(is_({"first": 4}, shares))
        with spreading(*addresses, holder="second"):
            wait_until(is_({"first": 2, "second": 2}, shares))
            polled = broker("a").revision
            wait_until(lambda: all(broker(address.name).revision > polled + 2 for address in addresses))
            assert shares() == {"first": 2, "second": 2}
        wait_until(is_({"first": 4}, shares))


@contextmanager
def spreading(*addresses: BrokerAddress, holder: str) -> Iterator[None]:
    """A process of which several share the brokers, and which counts as soon as it has joined."""
    rows = store.ensure_brokers(addresses, datetime.now(UTC))
    share = Share("poller", "poll ", holder, settled_after=timedelta(0))
    loops = [PollLoop(address, rows[address.name].pk, holder, POLL_SECONDS, limits=QUICK, share=share) for address in addresses]
    with running([work for loop in loops for work in (loop, loop.inventory)], holder, share):
        yield


@contextmanager
def poller_process(management: FakeManagement) -> Iterator[subprocess.Popen[str]]:
    """`manage.py pollbrokers` of its own."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_BROKERS": management.server.url.replace("//", "//u:p@")}
    command = [sys.executable, "manage.py", "pollbrokers"]
    process = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_poller_that_was_killed_is_followed_at_once(management: FakeManagement) -> None:
    with poller_process(management) as process:
        (name,) = wait_until(lambda: [found.name for found in Broker.objects.filter(state="up")])
        assert (leases.holder_of(f"poll {name}", datetime.now(UTC)) or "").split(":")[1] == str(process.pid)
        process.kill()
        with polling(management.address(name), holder="next"):
            wait_until(is_("next", lambda: leases.holder_of(f"poll {name}", datetime.now(UTC))), 5)


def test_sigterm_ends_the_process_by_itself_also_amid_an_answer_that_never_comes(management: FakeManagement) -> None:
    management.set("overview", Answer(delay_seconds=600))  # longer than any limit of this test
    with poller_process(management) as process:
        wait_until(lambda: management.server.requests)
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=60)
    assert process.returncode == 0, logged  # not by a signal
    assert "Traceback" not in logged


@pytest.mark.nightly  # the browser's tests do the same to a broker, and see it on the pages
def test_a_real_broker_that_is_killed_becomes_unreachable_and_recovers_by_itself(own_rabbitmq: TestNode) -> None:
    own_rabbitmq.api("PUT", "queues/%2F/mail", {"durable": True})
    with polling(own_rabbitmq.address("prod")):
        wait_until(is_("up", state))
        wait_until(is_(0, lambda: depth_of("mail")))
        own_rabbitmq.kill()
        wait_until(is_("unreachable", state))
        assert "connection refused at 127.0.0.1" in broker().reason
        assert depth_of("mail") == 0
        own_rabbitmq.start()
        wait_until(is_("up", state))
        own_rabbitmq.api("POST", "bindings/%2F/e/amq.topic/q/mail", {"routing_key": "new.#"})
        wait_until(lambda: "new.#" in [found.routing_key for found in queries.bindings(EVERYTHING, broker="prod")])


def test_what_the_first_poll_costs_more_does_not_slow_down_the_next_ones(management: FakeManagement) -> None:
    class SlowAtFirst(InstantApi):
        def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
            self.said_seconds += 0.05 if broker().polled_at else 9.0
            return super().get(path, params)

    management.set_queues({"mail": 3})
    address = management.address()
    row = store.ensure_brokers([address], datetime.now(UTC))["prod"]
    loop = PollLoop(address, row.pk, "a", 5.0, api=SlowAtFirst(address))
    for _ in range(2):
        loop.run_round()
        assert (broker().poll_seconds, broker().depth_source_reason) == (5.0, "")
    assert (broker().poll_busy_seconds or 9.0) < 1.0


def test_a_heartbeat_reports_whether_a_poll_waits_for_its_broker_or_for_this_process(management: FakeManagement) -> None:
    waiting: list[float | None] = []

    class Watched(InstantApi):
        def _body(self, response: Response, place: str) -> bytes:
            waiting.append(loop.idle_seconds)
            return super()._body(response, place)

    address = management.address()
    row = store.ensure_brokers([address], datetime.now(UTC))["prod"]
    loop = PollLoop(address, row.pk, "a", 5.0, api=Watched(address))
    loop.run_round()
    assert waiting and set(waiting) == {0.0}
    assert (loop.idle_seconds or 0.0) > 0.0
    assert list(measured([loop])["idle_seconds"]) == ["prod"]
    loop.standing_by = True
    assert measured([loop]) == {"idle_seconds": {}}, "another process polls it"
