"""Rows read by statements that are written out are those that Django's own queries give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.sessions.models import Session

from brokers.database.rows import RowsOf, moment
from brokers.models import Broker, Heartbeat
from workers.models import EventSource, Task

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 29, 12, 30, 0, 250, UTC)
# What `rows` converts, and what the engines give as it is
KNOWN = {"JSONField", "DateTimeField", "BooleanField", "CharField", "TextField", "BigAutoField", "BigIntegerField", "IntegerField", "FloatField", "BinaryField"}


@pytest.fixture
def broker() -> Broker:
    listed = {"alarms": [{"node": "a\x1b", "resource": "disk"}], "object_totals": {"queues": 2**60}}
    broker = Broker.objects.create(name="prod", since=AT, polled_at=None, poll_ms=0.1, configured=True, permissions_known=False, **listed)
    EventSource.objects.create(broker=broker, vhost="/ü", names={"a": None}, received_at=AT, uncertain=b"\x00\x01")
    Heartbeat.objects.create(kind="web", holder="a", at=AT, standby=True, facts={"x": [1.5]})
    Session.objects.create(session_key="k", session_data="d", expire_date=AT)
    Task.objects.create(broker=broker, vhost="/", uuid="t", state="SUCCESS", exception="of an earlier try", tries=[[1, 2.5]], first_seen_at=AT, changed_at=AT)
    return broker


@pytest.mark.parametrize("model", [Broker, EventSource, Heartbeat, Session, Task])
def test_rows_are_those_of_django(broker: Broker, model: type) -> None:
    kinds = {field.get_internal_type() for field in model._meta.concrete_fields} - {"ForeignKey"}  # type: ignore[attr-defined]
    assert kinds <= KNOWN
    (theirs,) = model.objects.all()  # type: ignore[attr-defined]
    (ours,) = RowsOf(model).read("")
    names = [field.attname for field in model._meta.concrete_fields]  # type: ignore[attr-defined]
    assert {name: (type(getattr(ours, name)), getattr(ours, name)) for name in names} == {
        name: (type(getattr(theirs, name)), getattr(theirs, name)) for name in names
    }
    assert (ours._state.adding, ours._state.db) == (False, "default")


def test_a_field_that_was_left_out_is_another_query(broker: Broker) -> None:
    for rows in (RowsOf(EventSource, left_out=("uncertain",)), RowsOf(EventSource, only=("id", "vhost"))):
        (found,) = rows.read("WHERE received_at = %s", [moment(AT)])
        assert found.get_deferred_fields() >= {"uncertain"} and (found.vhost, bytes(found.uncertain)) == ("/ü", b"\x00\x01")
    assert RowsOf(EventSource).read("WHERE received_at > %s", [moment(AT)]) == []
