"""Recorded history that can't be read is missing, with a line in the log: pages and calls are there all the same, with what can be read."""

from __future__ import annotations

import pytest
from django.db.models import Model
from django.test import Client
from structlog.testing import capture_logs

from brokers import queries, unreadable
from brokers.models import Rollup, RollupBlock, Snapshot, SnapshotBlock
from brokers.packing import pack_history
from brokers.queries.frames import moment
from brokers.scope import EVERYTHING
from tests.brokers.facts import NOON, after
from tests.brokers.recording import Recording, roll_up
from tests.people import person

pytestmark = pytest.mark.django_db
SPAN = f"from={NOON:%Y-%m-%dT%H:%M:%SZ}&to={after(7000):%Y-%m-%dT%H:%M:%SZ}"


def recorded(model: type[Model]) -> Recording:
    recording = Recording()
    recording.poll(0, 7200)
    if model in (Rollup, RollupBlock):
        roll_up()
    if model in (SnapshotBlock, RollupBlock):
        pack_history()
    if model in (Rollup, RollupBlock):
        Snapshot.objects.all().delete()
    return recording


@pytest.mark.parametrize("model", [Snapshot, SnapshotBlock, Rollup, RollupBlock])
@pytest.mark.parametrize("data", [b"", pytest.param(b"\x09junk", marks=pytest.mark.nightly), b"\x05junk"], ids=["empty", "unknown", "damaged"])
def test_pages_and_calls_are_there_where_nothing_can_be_read(client: Client, monkeypatch: pytest.MonkeyPatch, model: type[Model], data: bytes) -> None:
    monkeypatch.setattr(unreadable, "_logged", {})
    recording = recorded(model)
    assert model._default_manager.exclude(data=b"").update(data=data)
    client.force_login(person(role="admin"))
    where = f"broker={recording.broker.name}&vhost=/&queue=a&metric=ready&{SPAN}"
    with capture_logs() as lines:
        for path in ("/", "/queues/", "/history/", f"/queues/{recording.ids[0]}/?{SPAN}&part=charts", f"/api/v1/history?{where}&step=60"):
            assert client.get(path).status_code == 200, path
        assert moment(recording.broker.pk, "queues", after(600)) is None
        values = client.get(f"/api/v1/history?{where}&step=300&bands=true").json()["values"]
    assert set(values[:6]) == {None}
    assert {line["event"] for line in lines} == ({"history_could_not_be_read"} if data or model in (Snapshot, SnapshotBlock, RollupBlock) else set())


@pytest.mark.parametrize("model", [Snapshot, SnapshotBlock])
@pytest.mark.parametrize("objects", [1, 3])
def test_of_one_row_that_is_damaged_only_what_needs_it_is_missing(model: type[Model], objects: int) -> None:
    recording = recorded(model)
    where = (EVERYTHING, recording.broker.pk, "queues", recording.ids[:objects], ["ready"], NOON, after(7000), 60)
    before = queries.histories(*where)[1]["ready"][recording.ids[0]]
    row = model._default_manager.order_by("at", "pk")[3]
    model._default_manager.filter(pk=row.pk).update(data=b"\x05junk")
    found = queries.histories(*where)[1]["ready"][recording.ids[0]]
    others = [place for place, (one, was) in enumerate(zip(found, before, strict=True)) if one != was]
    assert others and len(others) <= 6 and others[-1] - others[0] <= 6, "five minutes, to the next keyframe"
    assert None in [found[place] for place in others]
