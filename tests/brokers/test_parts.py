"""Each part of a poll stands alone: while one can't be read the others are stored, what was known of it stays, and a sentence reports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from brokers import parts, store, visibility
from brokers.clock import Clock
from brokers.errors import BrokerAnswerUnusable, BrokerUnreachable
from brokers.management.management_api import Limits
from brokers.models import Binding, Broker, Change, Channel, Connection, Consumer, Exchange, Node, Permission, Policy, Queue, Transfer, VirtualHost
from brokers.parts import Parts
from brokers.polling.poll_loop import PollLoop
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement, InstantApi, binding
from tests.brokers.polled import run_rounds
from tests.fault_server import Answer, FaultServer

STEP_SECONDS = 70  # after that everything is requested again, what failed before too
FAULTS = {
    "401": Answer(status=401, body=b'{"error":"not_authorized","reason":"Not management user"}'),
    "404": Answer(status=404, body=b'{"error":"not_found"}'),
    "502 as HTML": Answer(status=502, body=b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "no answer in time": Answer(delay_seconds=5),
}
"""Each of another kind of error; that every endpoint makes one of every fault is in tests/faults/test_endpoints.py."""

PATHS = {
    "overview": parts.OVERVIEW,
    "queues": parts.QUEUES,
    "topic-permissions": parts.PERMISSIONS,
    "nodes": parts.NODES,
    "vhosts": parts.VHOSTS,
    "exchanges": parts.EXCHANGES,
    "bindings": parts.BINDINGS,
    "policies": parts.POLICIES,
    "operator-policies": parts.OPERATOR_POLICIES,
    "whoami": parts.USER,
    "permissions": parts.PERMISSIONS,
    "consumers": parts.CONSUMERS,
    "connections": parts.CONNECTIONS,
    "channels": parts.CHANNELS,
    "parameters": parts.TRANSFERS,
}
MAY_BE_REFUSED = (parts.NODES, parts.OPERATOR_POLICIES, parts.PERMISSIONS, parts.TRANSFERS)
REFUSED = {("401", part) for part in MAY_BE_REFUSED} | {("404", parts.OPERATOR_POLICIES), ("404", parts.TRANSFERS)}
"""Not failures: what our user may not see, or an older version has not."""

STORED: dict[str, Callable[[], Any]] = {
    parts.OVERVIEW: lambda: int(Broker.objects.get().cluster_name),
    parts.QUEUES: lambda: Queue.objects.get().ready,
    parts.NODES: lambda: Node.objects.get().memory_used_bytes,
    parts.VHOSTS: lambda: max(int(row.name[1:]) for row in VirtualHost.objects.exclude(name="/") if row.gone_at is None),
    parts.EXCHANGES: lambda: int(Exchange.objects.exclude(name="").get(gone_at=None).name[1:]),
    parts.BINDINGS: lambda: int(Binding.objects.get(gone_at=None).routing_key),
    parts.POLICIES: lambda: Policy.objects.get(operator=False).priority,
    parts.OPERATOR_POLICIES: lambda: Policy.objects.get(operator=True).priority,
    parts.PERMISSIONS: lambda: int(Permission.objects.get(exchange=None).write),
    parts.CONSUMERS: lambda: int(Consumer.objects.get().tag),
    parts.CONNECTIONS: lambda: int(Connection.objects.get(gone_at=None).name),
    parts.CHANNELS: lambda: int(Channel.objects.get().name),
    parts.TRANSFERS: lambda: int(Transfer.objects.get().name),
}
KEPT_TOGETHER = {  # what can't be stored either while a part is missing
    parts.USER: {parts.PERMISSIONS},
}


class SetClock(Clock):
    seconds = 0.0

    def now(self) -> Any:
        return after(self.seconds)


def answer(management: FakeManagement, number: int) -> None:
    """Every part answers with this number."""
    management.overview["cluster_name"] = str(number)
    management.set("nodes", [{"name": "rabbit@a", "running": True, "mem_used": number, "mem_alarm": True}])
    management.set("vhosts", [{"name": "/", "tracing": False}, {"name": f"v{number}"}])
    management.set("exchanges", [{"vhost": "/", "name": "", "type": "direct"}, {"vhost": "/", "name": f"x{number}", "type": "topic"}])
    policy = {"vhost": "/", "name": "p", "pattern": ".*", "apply-to": "queues", "priority": number, "definition": {"max-length": 1}}
    management.set("policies", [policy])
    management.set("operator-policies", [policy])
    management.set("whoami", {"name": "ann", "tags": ["administrator"]})
    management.set("permissions", [{"user": "bob", "vhost": "/", "write": str(number)}])
    management.set("topic-permissions", [{"user": "bob", "vhost": "/", "exchange": "x", "write": str(number)}])
    management.set("consumers", [{"consumer_tag": str(number), "queue": {"vhost": "/", "name": "mail"}}])
    management.set("connections", [{"name": str(number), "vhost": "/"}])
    management.set("channels", [{"name": str(number), "vhost": "/", "number": 1, "connection_details": {"name": "c"}}])
    management.set("parameters", [{"component": "shovel", "vhost": "/", "name": str(number), "value": {}}])
    management.set_queues({"mail": number})
    management.set_bindings([binding("amq.topic", "mail", str(number))])


class Impatient(InstantApi):
    """Waits a moment only for the path that fails, and long for the others, so that a busy machine makes none of them late."""

    failing = ""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        seconds = 0.15 if path == f"/api/{self.failing}" else 20.0
        self.limits = Limits(connect_seconds=5, read_seconds=seconds, total_seconds=2 * seconds, body_bytes=2**20)
        return super().get(path, params)


@pytest.fixture
def polled(fault_server: FaultServer, db: None) -> tuple[FakeManagement, PollLoop, SetClock]:
    management = FakeManagement(fault_server)
    row = store.ensure_brokers([management.address()], NOON)["prod"]
    clock = SetClock()
    return management, PollLoop(management.address(), row.pk, "a", 5.0, api=Impatient(management.address()), clock=clock), clock


@pytest.mark.parametrize("fault", [pytest.param(name, marks=pytest.mark.nightly) if name in ("404", "502 as HTML") else name for name in FAULTS])
def test_a_part_that_fails_keeps_what_was_known_and_costs_the_others_nothing(polled: tuple[FakeManagement, PollLoop, SetClock], fault: str) -> None:
    management, loop, clock = polled
    answer(management, 0)
    run_rounds(loop)
    expected, read_at = dict.fromkeys(STORED, 0), dict.fromkeys((*STORED, parts.USER), 0.0)
    for number, (path, part) in enumerate(PATHS.items(), start=1):
        clock.seconds = number * STEP_SECONDS
        answer(management, number)
        management.set(path, FAULTS[fault])
        loop._api.failing = path  # type: ignore[attr-defined]
        run_rounds(loop)
        broker = Broker.objects.get()
        assert (broker.state, broker.polled_at) == ("up", after(clock.seconds)), path
        kept = KEPT_TOGETHER.get(part, {part})
        refused = {part} if (fault, part) in REFUSED else set()
        expected |= {name: number for name in STORED if name not in kept}
        assert {name: stored() for name, stored in STORED.items() if name not in refused} == {name: expected[name] for name in STORED if name not in refused}, (
            path
        )
        unread = [limit for limit in broker.limits if limit["part"]]
        if refused:
            assert unread == []
        else:
            (limit,) = unread
            assert (limit["part"], limit["what"], limit["since"][:19]) == (part, part, after(read_at[part]).isoformat()[:19]), path
            assert f"/api/{path}" in limit["why"]
            assert broker.alarms  # a node that can't be read has not lost its alarm
        read_at |= {name: clock.seconds for name in read_at if name not in kept}
        assert not Change.objects.filter(kind__in=("vhost", "exchange"), what="gone", at=after(clock.seconds), name__in=("/", "")).exists()
    clock.seconds += STEP_SECONDS
    answer(management, len(PATHS) + 1)
    run_rounds(loop)
    assert [limit for limit in Broker.objects.get().limits if limit["part"]] == []
    assert {stored() for stored in STORED.values()} == {len(PATHS) + 1}


@pytest.mark.parametrize("path", PATHS)
def test_a_poller_that_starts_while_a_part_fails_stores_the_rest_and_drops_nothing(polled: tuple[FakeManagement, PollLoop, SetClock], path: str) -> None:
    management, loop, clock = polled
    answer(management, 0)
    run_rounds(loop)
    before = {name: stored() for name, stored in STORED.items()}
    answer(management, 1)
    management.fail(path, 500)
    since = []
    for seconds in (STEP_SECONDS, 2 * STEP_SECONDS):
        clock.seconds = seconds
        run_rounds(PollLoop(management.address(), loop.broker_id, "a", 5.0, api=Impatient(management.address()), clock=clock))  # another process
        since += [limit["since"] for limit in Broker.objects.get().limits if limit["part"]]
    kept = KEPT_TOGETHER.get(PATHS[path], {PATHS[path]}) | ({parts.TRANSFERS} if path == "whoami" else set())  # what is permitted is not known yet
    assert {name: stored() for name, stored in STORED.items()} == {name: value if name in kept else 1 for name, value in before.items()}
    assert len(since) == 2 and since[0] == since[1]  # another process goes on with the moment of the first failure
    assert (VirtualHost.objects.get(name="/").visible, VirtualHost.objects.get(name="/").gone_at) == (True, None)


def test_without_the_columns_of_queues_depths_come_from_the_totals_and_the_reverse(polled: tuple[FakeManagement, PollLoop, SetClock]) -> None:
    management, loop, clock = polled
    answer(management, 3)
    listed = Answer(body=management.server.next_answer("/api/queues").body)
    for number, answers in enumerate(((Answer(status=500), listed), (listed, Answer(status=500)))):
        clock.seconds = number * STEP_SECONDS
        management.set("queues", *answers)
        run_rounds(loop)
        assert (Broker.objects.get().state, Queue.objects.get().ready) == ("up", 3)
        assert [limit["part"] for limit in Broker.objects.get().limits if limit["part"]] == [(parts.QUEUE_COUNTERS, parts.QUEUE_TOTALS)[number]]
    clock.seconds = 2 * STEP_SECONDS
    management.fail("queues", 500)
    run_rounds(loop)
    assert (Broker.objects.get().state, Queue.objects.get().ready) == ("up", 3)
    (limit,) = [limit for limit in Broker.objects.get().limits if limit["part"]]
    assert (limit["part"], limit["since"][:19]) == (parts.QUEUES, after(STEP_SECONDS).isoformat()[:19])


def test_parts_that_are_only_postponed_are_as_old_as_they_are_and_nothing_of_them_is_gone(
    polled: tuple[FakeManagement, PollLoop, SetClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    management, loop, clock = polled
    answer(management, 0)
    run_rounds(loop)
    before = {name: stored() for name, stored in STORED.items()}
    monkeypatch.setattr(parts, "MOST_LOST_SECONDS", 0.01)
    clock.seconds = STEP_SECONDS
    answer(management, 1)
    management.set("bindings", FAULTS["no answer in time"])
    loop._api.failing = "bindings"  # type: ignore[attr-defined]
    run_rounds(loop)
    broker = Broker.objects.get()
    assert {name: stored() for name, stored in STORED.items()} == before | dict.fromkeys((parts.OVERVIEW, parts.VHOSTS, parts.QUEUES, parts.NODES), 1)
    assert (broker.state, Queue.objects.get().ready, bool(broker.alarms)) == ("up", 1, True)
    assert not Change.objects.filter(what="gone").exclude(kind="vhost").exists()
    unread = {limit["part"]: limit for limit in broker.limits if limit["part"]}
    assert unread.keys() >= {parts.BINDINGS, parts.POLICIES, parts.CONSUMERS, parts.CHANNELS}
    assert {limit["since"][:19] for limit in unread.values()} == {NOON.isoformat()[:19]}
    assert unread[parts.POLICIES]["why"] == parts.POSTPONED
    clock.seconds = 3 * STEP_SECONDS
    answer(management, 2)
    run_rounds(loop)
    assert [limit for limit in Broker.objects.get().limits if limit["part"]] == []
    assert {stored() for stored in STORED.values()} == {2}


class Seconds:
    """A clock that questions let go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def failing(self, seconds: float) -> Callable[[], int]:
        def question() -> int:
            self.now += seconds
            raise BrokerUnreachable("no answer")

        return question


def test_a_part_that_fails_slowly_rests_and_one_that_fails_at_once_does_not() -> None:
    clock, failures = Seconds(), {}
    slow = Parts(failures, NOON, lambda: clock.now)
    assert slow.fetch("nodes", clock.failing(2)) is None
    assert slow.fetch("bindings", clock.failing(0)) is None
    assert {part: failure.not_before for part, failure in failures.items()} == {"nodes": after(20), "bindings": NOON}
    later = Parts(failures, after(5), lambda: clock.now)
    assert later.fetch("nodes", lambda: 1) is None
    assert later.fetch("bindings", lambda: 1) == 1
    assert Parts(failures, after(20), lambda: clock.now).fetch("nodes", lambda: 1) == 1
    assert failures == {}


def test_once_a_poll_lost_five_seconds_the_rest_waits_for_the_next_one_and_a_part_that_hangs_rests_a_minute() -> None:
    clock, failures = Seconds(), {}
    first = Parts(failures, NOON, lambda: clock.now)
    assert first.fetch("nodes", clock.failing(8)) is None
    assert first.fetch("bindings", lambda: 1) is None
    assert first.fetch("queues", lambda: 1, always=True) == 1
    assert (first.postponed, first.unread["bindings"].since) == ({"bindings"}, NOON)
    assert (first.is_full, list(failures), failures["nodes"].not_before) == (True, ["nodes"], NOON + timedelta(minutes=1))
    assert Parts(failures, after(5), lambda: clock.now).fetch("bindings", lambda: 1) == 1


def test_an_error_of_ours_is_no_failure_of_a_part() -> None:
    def question() -> int:
        raise KeyError("name")

    with pytest.raises(KeyError):
        Parts({}, NOON).fetch("nodes", question)


def test_a_failure_keeps_its_first_moment_and_has_its_latest_reason() -> None:
    def failing(reason: str) -> Callable[[], int]:
        def question() -> int:
            raise BrokerAnswerUnusable(reason)

        return question

    failures: dict[str, parts.Failure] = {}
    for seconds, reason in ((0, "status 500"), (60, "status 502")):
        Parts(failures, after(seconds)).fetch("nodes", failing(reason))
    (limit,) = visibility.unread(Parts(failures, after(60)).unread)
    assert (limit.what, limit.why, limit.since, limit.grant) == ("nodes", "status 502", NOON, "")


def test_the_command_for_a_user_whose_tags_are_unknown_takes_none_away() -> None:
    assert visibility.no_monitoring("ann", None).grant.startswith("rabbitmqctl list_users")
