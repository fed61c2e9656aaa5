"""Worker nodes on the map of a past moment: with the queues that they had reported until then, and none where none is recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import zstandard
from django.test import Client

from brokers.models import TopologyVersion
from brokers.queries import kept
from brokers.topology import QueueDefinition, Topology
from brokers.topology import encode as encode_topology
from tests.map.test_page import map_of, table
from tests.pages.past import TwoMoments
from workers.models import Worker, WorkerReport
from workers.reports import Report, encode

pytestmark = pytest.mark.django_db


@pytest.fixture
def moments(now: datetime) -> TwoMoments:
    """Both queues at all times; the worker node consumes both now."""
    kept.forget()
    made = TwoMoments(now)
    both = Topology("/", (), (QueueDefinition("mail"), QueueDefinition("modern")))
    TopologyVersion.objects.update(data=zstandard.compress(encode_topology(both)))
    Worker.objects.update(queues=[{"name": "mail"}, {"name": "modern"}])
    return made


def reported(moments: TwoMoments, at: datetime, *queues: str) -> None:
    content_hash, data = encode(Report(queues=[{"name": one} for one in queues]))
    WorkerReport.objects.create(worker=moments.worker, at=at, content_hash=content_hash, data=data)


def consumed(found: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """{queue: (label, level, change)} of the edges to worker nodes."""
    known = {node["id"]: node["name"] for node in found["nodes"]}
    return {known[edge["from"]]: (edge["label"], edge["level"], edge["change"]) for edge in found["edges"] if known[edge["to"]] == "a@web-1"}


def test_what_was_reported_until_then_is_drawn_and_compared_with_now(person: Client, moments: TwoMoments) -> None:
    reported(moments, moments.then, "mail")
    reported(moments, moments.changed, "mail", "modern")
    assert consumed(map_of(person, moments.address(""))) == {"mail": ("as it reported", "ok", "")}
    since = moments.address("", since="show")
    assert {queue: change for queue, (_, _, change) in consumed(map_of(person, since)).items()} == {"mail": "", "modern": "came"}
    Worker.objects.update(queues=[])
    assert {queue: change for queue, (_, _, change) in consumed(map_of(person, since)).items()} == {"mail": "gone"}
    assert "as it reported" in table(person, moments.address("", list="edges"))


def test_without_a_report_at_that_time_nothing_is_said_to_be_new(person: Client, moments: TwoMoments) -> None:
    assert consumed(map_of(person, moments.address("", since="show"))) == {}
    reported(moments, moments.changed, "mail", "modern")
    assert consumed(map_of(person, moments.address("", since="show"))) == {}
