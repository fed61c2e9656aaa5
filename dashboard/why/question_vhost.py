"""The virtual host that a question names by `broker`, `vhost` and perhaps `at`: found, and gathered. For the API and the command line alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from brokers import queries
from brokers.errors import NotRecorded
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.why import loaded_vhost
from dashboard.why.explanations import Place

LONGEST_NAME = 255


class WrongPlace(Exception):
    """A place that can't be asked about: `field` names what is wrong, `code` is the API's word for it. `str()` is a sentence."""

    def __init__(self, field: str, sentence: str, code: Literal["invalid", "not_found", "unavailable"] = "invalid") -> None:
        super().__init__(sentence)
        self.field, self.code = field, code


def place_asked(scope: Scope, asked: Mapping[str, Any], now: datetime) -> tuple[Broker, Place]:
    """The broker and the virtual host, as it is `now` or was `at` the moment in the question. Raises WrongPlace."""
    name, vhost, at = name_in(asked, "broker"), name_in(asked, "vhost"), moment_in(asked, "at")
    broker = queries.broker(scope, name)
    if broker is None:
        raise WrongPlace("broker", f"There is no broker {name}.", "not_found")
    if vhost not in loaded_vhost.vhost_names(scope, broker):
        raise WrongPlace("vhost", f"Broker {broker.name} has no virtual host {vhost}.", "not_found")
    try:
        return broker, loaded_vhost.place(scope, broker, vhost, now, at)
    except NotRecorded as error:
        raise WrongPlace("at", f"{str(error)[:1].upper()}{str(error)[1:]}.", "not_found") from error


def name_in(asked: Mapping[str, Any], field: str) -> str:
    value = asked.get(field)
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or "\x00" in value:
        other = " (or definitions)" if field == "broker" and "task" not in asked else ""
        raise WrongPlace(field, f"{field}: expected a name of up to {LONGEST_NAME} characters{other}.")
    return value


def moment_in(asked: Mapping[str, Any], field: str) -> datetime | None:
    """The moment, one without a zone taken as UTC; None if there is none."""
    value = asked.get(field)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise WrongPlace(field, f'{field}: expected a moment such as "2026-11-24T03:10:00Z".') from None
