"""What a start prints of what is watched and of what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from brokers.models import Broker, DefinitionEvents
from dashboard.operations import watched
from workers.models import EventSource

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
BOUND = DefinitionEvents(since=NOON)


def broker(number: int = 1, **fields: object) -> Broker:
    usual = {"name": "prod", "addresses": ["https://rabbit-1:15671"], "state": "up", "reason": "", "version": "3.10.8", "tried_at": NOON, "inventory_at": NOON}
    return Broker(pk=number, **{**usual, **fields})


def source(of: Broker, **fields: object) -> EventSource:
    return EventSource(**{"broker": of, "vhost": "/shop", "state": "receiving", "inspect_state": "inspecting", **fields})


def test_an_installation_without_brokers_says_which_variable_names_them() -> None:
    assert watched.lines([], [], {}, "SQLite, /data") == [f"  Watches    {watched.NOTHING}", "  Data       SQLite, /data"]


def test_where_everything_is_visible_nothing_is_missing() -> None:
    prod = broker(addresses=["https://rabbit-1:15671", "https://rabbit-2:15671"])
    assert watched.lines([prod], [source(prod)], {1: BOUND}, "SQLite, /data") == [
        "  Watches    prod  https://rabbit-1:15671, https://rabbit-2:15671  RabbitMQ 3.10.8",
        "  Data       SQLite, /data",
    ]


def test_each_missing_permission_stands_with_the_command_that_grants_it() -> None:
    limit = {"vhost": "/billing", "what": "its queues", "why": "hareline has no permission there", "grant": "rabbitmqctl set_permissions …"}
    prod = broker(limits=[limit])
    sources = [source(prod, state="refused", reason="hareline may not bind celeryev", grant="rabbitmqctl a"), source(prod, vhost="/x", inspect_state="off")]
    found = watched.missing([prod], sources, {1: None})
    assert [(one.where, one.text, one.grant) for one in found[:3]] == [
        ("prod /billing", "its queues: hareline has no permission there", "rabbitmqctl set_permissions …"),
        ("prod /shop", "hareline may not bind celeryev", "rabbitmqctl a"),
        ("prod /x", "inspection of workers: off", ""),
    ]
    assert (found[3].where, found[3].grant) == ("prod", "rabbitmq-plugins enable rabbitmq_event_exchange")
    assert watched.missing([prod], sources, {}) == found[:3], "where HARELINE_EVENTS does not name the broker, its event exchange is not missed"
    assert "      rabbitmqctl a" in "\n".join(watched.lines([prod], sources, {1: None}, "x"))


def test_of_a_broker_that_is_away_only_the_reason_is_listed() -> None:
    away = broker(state="unreachable", reason="connection refused", inventory_at=None)
    assert watched.missing([away], [], {}) == []
    assert watched.lines([away], [], {}, "x")[0] == "  Watches    prod  https://rabbit-1:15671  unreachable: connection refused"
    assert watched.is_known([away]) and not watched.is_known([away], answered=True)
    assert watched.is_known([broker()], answered=True)
    assert not watched.is_known([broker(inventory_at=None)])
    assert not watched.is_known([broker(state="unknown", tried_at=None)])


def test_a_broker_without_celery_says_that_no_tasks_are_shown() -> None:
    assert "Celery's event exchange" in watched.missing([broker()], [], {1: BOUND})[0].text


def test_no_login_is_printed_and_many_lines_are_cut() -> None:
    prod = broker(addresses=["https://hareline:s3cret@rabbit-1:15671"], limits=[{"vhost": f"/{number}", "what": "queues", "why": "no"} for number in range(50)])
    text = "\n".join(watched.lines([prod], [source(prod)], {1: BOUND}, "x"))
    assert "s3cret" not in text
    assert "and 38 more, on the overview" in text


@pytest.mark.django_db
def test_the_command_prints_it() -> None:
    Broker.objects.create(name="prod", addresses=["http://rabbit-1:15672"], state="refused", reason="401", tried_at=NOON)
    output = StringIO()
    call_command("status", stdout=output)
    assert "prod  http://rabbit-1:15672  refused: 401" in output.getvalue()
    assert "Data       " in output.getvalue()
