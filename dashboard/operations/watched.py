"""What an installation watches and what is missing, in lines of plain text for a terminal. Pure; never a password."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from brokers.models import Broker, DefinitionEvents
from workers.models import EventSource

NOTHING = "nothing: HARELINE_BROKERS names no broker (docs/configuration.md)"
MOST_MISSING = 12


@dataclass(frozen=True)
class Missing:
    """Something that is not visible: where, what, why, and the command that grants it, "" if there is none."""

    where: str
    text: str
    grant: str = ""


def is_known(brokers: Sequence[Broker], answered: bool = False) -> bool:
    """True once each broker was tried (`answered`: once each has answered), and of each that answers more than its depths was read."""
    return all(broker.tried_at and (broker.inventory_at if broker.state == Broker.UP else not answered) for broker in brokers)


def lines(brokers: Sequence[Broker], sources: Sequence[EventSource], events: Mapping[int, DefinitionEvents | None], database: str) -> list[str]:
    """`events`: of each broker that HARELINE_EVENTS names its event exchange, as `brokers.queries.definition_events` returns it."""
    watches = [_watched(broker) for broker in brokers] or [NOTHING]
    found = missing(brokers, sources, events)
    missed = [line for one in found[:MOST_MISSING] for line in (f"{one.where}: {one.text}", *([f"    {one.grant}"] if one.grant else []))]
    if len(found) > MOST_MISSING:
        missed.append(f"and {len(found) - MOST_MISSING} more, on the overview")
    return [*_labelled("Watches", watches), *_labelled("Missing", missed), *_labelled("Data", [database])]


def missing(brokers: Sequence[Broker], sources: Sequence[EventSource], events: Mapping[int, DefinitionEvents | None]) -> list[Missing]:
    found: list[Missing] = []
    for broker in brokers:
        if broker.state != Broker.UP:
            continue  # its line says why, and nothing else of it is known
        found += [_limit(broker, limit) for limit in broker.limits]
        own = [source for source in sources if source.broker_id == broker.pk]
        if not own:
            found.append(Missing(broker.name, "no virtual host with Celery's event exchange was seen, so no tasks and workers are shown"))
        for source in own:
            found += _of_source(f"{broker.name} {source.vhost}", source)
        if broker.pk in events:
            found += _of_event_exchange(broker.name, events[broker.pk])
    return found


def database_text(settings: Mapping[str, Any]) -> str:
    """Where the data lies, by Django's settings of its database.

    >>> database_text({"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/hareline/hareline.sqlite3"})
    'SQLite, /var/lib/hareline/hareline.sqlite3'
    >>> database_text({"ENGINE": "brokers.database.postgresql", "NAME": "hareline", "HOST": "db.example.com", "PASSWORD": "s3cret"})
    'PostgreSQL, hareline at db.example.com'
    """
    if "sqlite" in settings["ENGINE"]:
        return f"SQLite, {settings['NAME']}"
    return f"PostgreSQL, {settings['NAME']} at {settings.get('HOST') or 'a Unix socket'}"


def _watched(broker: Broker) -> str:
    addresses = ", ".join(_without_login(address) for address in broker.addresses)
    state = (broker.software or "up") if broker.state == Broker.UP else f"{broker.state}: {broker.reason}"
    return f"{broker.name}  {addresses}  {state}"


def _without_login(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _limit(broker: Broker, limit: Mapping[str, Any]) -> Missing:
    where = f"{broker.name} {limit['vhost']}" if limit.get("vhost") else broker.name
    return Missing(where, f"{limit['what']}: {limit['why']}", limit.get("grant") or "")


def _of_source(where: str, source: EventSource) -> Iterable[Missing]:
    if source.state in (EventSource.REFUSED, EventSource.UNREACHABLE, EventSource.OFF):
        yield Missing(where, source.reason or f"Celery's events: {source.state}", source.grant)
    if source.inspect_state in (EventSource.REFUSED, EventSource.UNREACHABLE, EventSource.OFF):
        yield Missing(where, source.inspect_reason or f"inspection of workers: {source.inspect_state}", source.inspect_grant)


def _of_event_exchange(where: str, events: DefinitionEvents | None) -> Iterable[Missing]:
    if events is None:
        text = "the broker's own event exchange, so that changes of its topology are seen later: the plugin is off, or Hareline may not bind it"
        yield Missing(where, text, "rabbitmq-plugins enable rabbitmq_event_exchange")
    elif events.problem:
        yield Missing(where, f"the broker's own event exchange: {events.problem}")


def _labelled(label: str, texts: Sequence[str]) -> list[str]:
    return [f"  {label if number == 0 else '':<10} {text}" for number, text in enumerate(texts)]
