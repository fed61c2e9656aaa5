"""A virtual host that a user without the tag monitoring may no longer access looks, in the broker's lists, as if it were deleted."""

from __future__ import annotations

from datetime import datetime

import pytest

from brokers import store
from brokers.clock import Clock
from brokers.models import Change, Queue, VirtualHost
from brokers.polling.poll_loop import PollLoop
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement, queue
from tests.fault_server import FaultServer

pytestmark = pytest.mark.django_db


class Moment(Clock):
    seconds = 0.0

    def now(self) -> datetime:
        return after(self.seconds)


@pytest.fixture
def management(fault_server: FaultServer) -> FakeManagement:
    """Of a user without the tag monitoring."""
    management = FakeManagement(fault_server)
    management.fail("nodes", 401)
    return management


def permit(management: FakeManagement, *vhosts: str) -> None:
    management.set_queues({"mail": 1})
    management.set("vhosts", [{"name": name} for name in vhosts])
    management.set("exchanges", [{"vhost": name, "name": "", "type": "direct"} for name in vhosts])
    management.set("queues", [queue("mail", messages_ready=1) | {"vhost": name} for name in vhosts])


def test_a_permission_that_was_taken_deletes_nothing_and_the_same_rows_are_back_with_it(management: FakeManagement) -> None:
    pk, clock = store.ensure_brokers([management.address()], NOON)["prod"].pk, Moment()

    def started() -> PollLoop:
        return PollLoop(management.address(), pk, "a", 5.0, api=management.api(), clock=clock)

    def shown() -> tuple[list[bool], list[bool]]:
        loop.run_round()
        clock.seconds += 5
        return [row.visible for row in VirtualHost.objects.filter(name="shop", gone_at=None)], [queue.gone_at is None for queue in rows()]

    def rows() -> list[Queue]:
        return list(Queue.objects.filter(vhost="shop"))

    loop = started()
    permit(management, "/", "shop")
    assert shown() == ([True], [True])
    permit(management, "/")
    management.fail("bindings/shop", 401)
    assert [shown() for _ in range(3)] == [([False], [True])] * 3
    assert management.requested().count("bindings/shop") == 1  # the broker's log has a warning for each
    loop = started()  # a process that has not seen it
    assert shown() == ([False], [True])
    management.fail("bindings/shop", 500)
    clock.seconds += 60
    assert shown() == ([False], [True])
    permit(management, "/", "shop")
    assert shown() == ([True], [True])
    assert not Change.objects.filter(what="gone").exists()
    permit(management, "/")
    management.fail("bindings/shop", 404)
    assert shown() == ([], [False])
    assert Change.objects.filter(what="gone", kind="vhost", name="shop").exists()
