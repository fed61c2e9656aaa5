"""The lab's process: experiments begin, end and are removed from their rows, also where the broker refuses, goes away or a process was killed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from brokers.addresses import BrokerAddress
from brokers.errors import BrokerError, BrokerRefused
from brokers.management.changing import LabVhosts
from brokers.models import Broker, Lease
from brokers.polling import leases
from dashboard import store
from dashboard.lab.runner import INTERRUPTED, LEASE, LEASE_SECONDS, Runner
from dashboard.models import LabExperiment, User
from tests.fault_server import Answer, FaultServer
from workers.lab.place import Place
from workers.lab.plan import Plan
from workers.lab.reports import PUBLISHER, Report

pytestmark = pytest.mark.django_db
NAME = "hareline.1f2e.lab.{}"


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def broker(fault_server: FaultServer, settings: Settings) -> FaultServer:
    """A management API that takes whatever it is sent, of a broker that is marked for the lab."""
    settings.BROKERS = (BrokerAddress("prod", (fault_server.url,), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.LAB = frozenset({"prod"})
    Broker.objects.create(name="prod", state=Broker.UP)
    fault_server.default = Answer(status=204, body=b"")
    fault_server.answer("/api/vhosts", [])
    return fault_server


class NoProgram:
    """Runs nothing, so that a test needs no Celery; real ones are in `test_live`."""

    pid, has_ended = 0, False

    def __init__(self, place: Place) -> None:
        self.place = place

    def plan(self, plan: Plan) -> None: ...
    def publish(self, round_number: int) -> None: ...
    def pause(self, pause: bool) -> None: ...
    def kill(self) -> None: ...
    def reports(self) -> list[Report]:
        return []


@pytest.fixture
def runner() -> Iterator[Runner]:
    found = Runner("lab:1", "1f2e", NoProgram)
    yield found
    found.stop(timezone.now())


def requested(now: datetime, **fields: object) -> LabExperiment:
    user = User.objects.create_user(f"user{LabExperiment.objects.count()}")
    found = store.begin_experiment(user, "prod", "1f2e", "work_queue", {}, now)
    LabExperiment.objects.filter(pk=found.pk).update(**fields)
    return LabExperiment.objects.get(pk=found.pk)


def deleted(server: FaultServer) -> list[str]:
    return [request.path.rpartition("/")[2] for request in server.requests if request.method == "DELETE"]


def test_a_virtual_host_is_made_with_its_limits_before_anything_runs(broker: FaultServer, runner: Runner, now: datetime) -> None:
    found = requested(now)
    runner.round(now)
    found.refresh_from_db()
    assert (found.state, found.holder, list(runner.running)) == ("starting", "lab:1", [found.pk])
    made = [request.path.removeprefix("/api/") for request in broker.requests if request.method in ("PUT", "POST")]
    name = found.vhost
    assert made == [
        f"vhosts/{name}", f"permissions/{name}/u", f"vhost-limits/{name}/max-connections", f"vhost-limits/{name}/max-queues",
        f"operator-policies/{name}/bound", f"definitions/{name}",
    ]  # fmt: skip


def test_without_the_right_it_ends_with_the_command_that_grants_it(broker: FaultServer, runner: Runner, now: datetime) -> None:
    found = requested(now)
    broker.answer(f"/api/vhosts/{found.vhost}", status=401, body=b'{"error":"not_authorised","reason":"Not administrator user"}')
    runner.round(now)
    found.refresh_from_db()
    assert found.state == "ended" and "rabbitmqctl set_user_tags u administrator" in found.reason
    assert runner.running == {}


def test_while_the_broker_is_away_it_is_tried_again(broker: FaultServer, runner: Runner, now: datetime) -> None:
    found = requested(now)
    broker.answer(f"/api/vhosts/{found.vhost}", Answer(status=500), Answer(status=204, body=b""))
    runner.round(now)
    found.refresh_from_db()
    assert found.state == "waiting" and "500" in found.problem
    runner.round(now + timedelta(seconds=1))
    assert runner.running == {}
    runner.round(now + timedelta(seconds=6))
    found.refresh_from_db()
    assert (found.state, found.problem) == ("starting", "")


def test_a_program_that_ends_by_itself_is_started_again_after_a_pause(broker: FaultServer, now: datetime) -> None:
    programs: list[NoProgram] = []

    def start(place: Place) -> NoProgram:
        programs.append(NoProgram(place))
        return programs[-1]

    found, runner = requested(now), Runner("lab:1", "1f2e", start)
    runner.round(now)
    programs[0].has_ended = True
    seen = []
    for seconds in (1, 2, 5, 7):
        runner.round(now + timedelta(seconds=seconds))
        found.refresh_from_db()
        seen.append((len(programs), found.problem))
    problem = "The program of the experiment ended by itself, and is started again."
    assert seen == [(1, problem)] * 3 + [(2, "")]
    runner.stop(now)


def test_a_producer_that_ends_by_itself_is_reported_and_started_again_with_another_round(broker: FaultServer, now: datetime) -> None:
    orders: list[int] = []

    class Program(NoProgram):
        left: tuple[Report, ...] = ()

        def publish(self, round_number: int) -> None:
            orders.append(round_number)

        def reports(self) -> list[Report]:
            nodes = [Report("ready", 0.0, f"node-{number}", text="127.0.0.1") for number in (1, 2, 3)]
            left, Program.left = Program.left, ()
            return [*nodes, *left]

    found, runner = requested(now), Runner("lab:1", "1f2e", Program)
    for seconds in (0, 1):
        runner.round(now + timedelta(seconds=seconds))
    Program.left = (Report("left", 0.0, PUBLISHER, text="It ended by itself."),)
    runner.round(now + timedelta(seconds=2))
    found.refresh_from_db()
    assert (orders, found.problem) == ([1], "The producer ended by itself, and is started again.")
    runner.round(now + timedelta(seconds=8))
    found.refresh_from_db()
    assert (orders, found.problem) == ([1, 2], "")
    runner.stop(now)


def test_what_a_person_stops_or_whose_time_is_over_is_removed(broker: FaultServer, runner: Runner, now: datetime) -> None:
    stopped, over = requested(now), requested(now, ends_at=now + timedelta(minutes=1))
    runner.round(now)
    store.stop_experiment(stopped.pk, "ada")
    runner.round(now + timedelta(minutes=2))
    reasons = list(LabExperiment.objects.order_by("pk").values_list("state", "reason"))
    assert reasons == [("ended", "Stopped by ada."), ("ended", "Its time was over.")]
    assert deleted(broker) == [stopped.vhost, over.vhost] and runner.running == {}


def test_an_end_while_the_broker_is_away_is_finished_once_it_is_back(broker: FaultServer, runner: Runner, now: datetime) -> None:
    found = requested(now)
    runner.round(now)
    store.stop_experiment(found.pk, "ada")
    broker.answer(f"/api/vhosts/{found.vhost}", Answer(status=503), Answer(status=503), Answer(status=204, body=b""))
    for seconds, state in ((1, "removing"), (7, "removing"), (13, "ended")):
        runner.round(now + timedelta(seconds=seconds))
        found.refresh_from_db()
        assert found.state == state
    assert found.problem == "" and found.reason == "Stopped by ada."


def test_what_a_killed_process_ran_is_removed_by_the_next(broker: FaultServer, runner: Runner, now: datetime) -> None:
    found = requested(now, state=LabExperiment.RUNNING, holder="lab:0", started_at=now)
    runner.round(now)
    found.refresh_from_db()
    assert (found.state, found.reason) == ("ended", INTERRUPTED)
    assert deleted(broker) == [found.vhost]


def test_virtual_hosts_of_the_lab_that_no_row_knows_are_removed_and_no_others(broker: FaultServer, runner: Runner, now: datetime) -> None:
    names = (NAME.format(99), "hareline.ffff.lab.1", "hareline.1f2e.labelled", "/", "shop")
    broker.answer("/api/vhosts", [{"name": name} for name in names])
    runner.round(now)
    assert deleted(broker) == [NAME.format(99)]


def test_one_process_works_and_another_takes_over(broker: FaultServer, runner: Runner, now: datetime) -> None:
    found, other = requested(now), Runner("lab:2", "1f2e", NoProgram)
    assert runner.round(now) and not other.round(now)
    assert other.running == {}
    assert other.round(now + timedelta(minutes=1))  # the first one stood still
    found.refresh_from_db()
    assert found.reason == INTERRUPTED
    assert not runner.round(now + timedelta(minutes=1, seconds=1)) and runner.running == {}
    other.stop(now)


def test_the_lease_is_renewed_while_a_round_takes_long(broker: FaultServer, now: datetime) -> None:
    """A broker that hangs for 20 s with each of three experiments: no other process may take over meanwhile."""
    seconds = [0.0]

    class Hangs(NoProgram):
        def reports(self) -> list[Report]:
            seconds[0] += 20
            return []

    runner = Runner("lab:1", "1f2e", Hangs, lambda: seconds[0])
    for _ in range(3):
        requested(now)
    runner.round(now)
    assert runner.round(now) and seconds == [60.0]
    assert Lease.objects.get(name=LEASE).expires_at == now + timedelta(seconds=60 + LEASE_SECONDS)
    runner.stop(now)


def test_what_a_slow_broker_needs_too_long_for_is_given_up_before_the_lease_ends(broker: FaultServer) -> None:
    seconds = iter(range(0, 1000, 7))
    vhosts = LabVhosts(BrokerAddress("prod", (broker.url,), "u", "p"), None, "1f2e", lambda: next(seconds))
    with pytest.raises(BrokerError, match="answers too slowly"):
        vhosts.make(NAME.format(1), {})
    assert 1 < len(broker.requests) < 6
    vhosts.close()


def test_a_step_that_each_node_of_a_cluster_answers_too_slowly_is_given_up_too(broker: FaultServer) -> None:
    seconds = iter(range(0, 1000, 7))
    vhosts = LabVhosts(BrokerAddress("prod", (broker.url,) * 5, "u", "p"), None, "1f2e", lambda: next(seconds))
    broker.default = Answer(status=500)
    broker.answer("/api/vhosts", status=500)
    for step in (lambda: vhosts.remove(NAME.format(1)), lambda: vhosts.replace_queues(NAME.format(1), ["work"], {}), vhosts.found):
        before = len(broker.requests)
        with pytest.raises(BrokerError, match="answers too slowly"):
            step()
        assert len(broker.requests) - before == 2
    vhosts.close()


def test_what_was_refused_late_is_left_to_who_has_the_lease_by_then(broker: FaultServer, now: datetime) -> None:
    seconds = [0.0]

    class Refuses(NoProgram):
        def plan(self, plan: Plan) -> None:
            seconds[0] += 31
            assert leases.take(LEASE, "lab:2", now + timedelta(seconds=31), LEASE_SECONDS)
            raise BrokerRefused("no")

    runner = Runner("lab:1", "1f2e", Refuses, lambda: seconds[0])
    found = requested(now)
    runner.round(now)
    found.refresh_from_db()
    assert (found.state, found.reason, deleted(broker), runner.running) == ("waiting", "", [], {})


def test_where_the_broker_is_no_longer_marked_its_experiments_end(broker: FaultServer, runner: Runner, settings: Settings, now: datetime) -> None:
    found = requested(now)
    runner.round(now)
    settings.LAB = frozenset()
    runner.round(now + timedelta(seconds=1))
    found.refresh_from_db()
    assert (found.state, found.reason) == ("ended", "HARELINE_LAB no longer names prod.")
    assert deleted(broker) == [found.vhost]


def test_only_what_is_named_as_the_labs_is_ever_removed(broker: FaultServer, settings: Settings) -> None:
    with pytest.raises(ValueError, match="is not a virtual host of the lab"):
        LabVhosts(settings.BROKERS[0], None, "1f2e").remove("/")
    assert deleted(broker) == []
