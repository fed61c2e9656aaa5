"""The clocks of nodes by the Date of their answers: of each address of a cluster, found where one is off, and cured with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from brokers import store
from brokers.addresses import BrokerAddress
from brokers.management.node_clock import ahead_seconds
from brokers.models import Node
from dashboard.layout import formatting
from tests.brokers.management import FakeManagement
from tests.fault_server import Answer, FaultServer, running_fault_server
from tests.findings.looking import Looking, values

NOON = 1795521600.0  # Tue, 24 Nov 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("date", "sent", "received", "ahead"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", 0.0, 0.1, 0.0),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 1.9, 1.95, 0.0),  # it is renewed once a second, and has no fractions
        ("Tue, 24 Nov 2026 12:00:00 GMT", 2.5, 2.6, -0.5),
        ("Tue, 24 Nov 2026 12:01:00 GMT", 0.0, 20.0, 40.0),  # a slow answer bounds it less
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0, 0.0, -3598.0),
        (None, 0.0, 0.0, None),
        ("yesterday", 0.0, 0.0, None),
        ("Tue, 24 Nov 99999 12:00:00 GMT", 0.0, 0.0, None),
    ],
)
def test_a_clock_is_off_by_no_more_than_is_certain(date: str | None, sent: float, received: float, ahead: float | None) -> None:
    assert ahead_seconds(date, NOON + sent, NOON + received) == ahead


def overview(server: FaultServer, node: str, date: datetime | None = None) -> None:
    """The server answers as that node, with the date of this machine or another."""
    body = json.dumps({**FakeManagement(server).overview, "node": node, "object_totals": {"queues": 0}}).encode()
    dated = {"Date": format_datetime(date, usegmt=True)} if date else {}
    server.answer("/api/overview", Answer(body=body, headers={"Content-Type": "application/json", **dated}))


@pytest.mark.django_db
def test_each_node_of_a_cluster_is_compared_and_the_one_that_is_off_is_found_until_it_is_right(fault_server: FaultServer) -> None:
    with running_fault_server() as other:
        now = datetime.now(UTC)
        overview(fault_server, "rabbit@a")
        overview(other, "rabbit@b", now + timedelta(hours=1))
        fault_server.answer("/api/nodes", [{"name": f"rabbit@{name}", "running": True} for name in "abc"])
        address = BrokerAddress("prod", (fault_server.url, other.url), "ann", "secret")
        looking = Looking(address, store.ensure_brokers([address], now)["prod"])
        for seconds in (0, 5, 40):
            found = looking.look(now=now + timedelta(seconds=seconds))
        assert {name for name in found if name.startswith("clock_skew")} == {"clock_skew rabbit@b"}
        polled, off, unknown = Node.objects.order_by("name")
        assert off.clock_skew_seconds is not None and 3500 < off.clock_skew_seconds <= 3600  # the machine may be busy, and the date stands still
        assert values(found["clock_skew rabbit@b"])["Difference"] == f"+{formatting.duration(off.clock_skew_seconds)}"
        assert [node.clock_at for node in (polled, off, unknown)] == [now + timedelta(seconds=40), now, None]
        assert (polled.clock_skew_seconds, unknown.clock_skew_seconds) == (0.0, None)

        overview(other, "rabbit@b")
        for seconds in (61, 66, 100):
            found = looking.look(now=now + timedelta(seconds=seconds))
        assert not [name for name in found if name.startswith("clock_skew")]
