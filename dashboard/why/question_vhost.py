"""Loads the virtual host that a question names by `broker`, `vhost` and optionally `at`, for the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from brokers import queries
from brokers.errors import NotRecorded
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.why import loaded_vhost
from dashboard.why.explanations import LoadedVhost

LONGEST_NAME = 255


class VhostUnavailable(Exception):
    """The virtual host of a question can't be loaded: `field` is the invalid field, `code` the API's error code, `str()` a sentence."""

    def __init__(self, field: str, sentence: str, code: Literal["invalid", "not_found", "unavailable"] = "invalid") -> None:
        super().__init__(sentence)
        self.field, self.code = field, code


def load_question_vhost(scope: Scope, question: Mapping[str, Any], now: datetime) -> tuple[Broker, LoadedVhost]:
    """The broker and the virtual host, as it is now or was `at` the moment in the question. Raises VhostUnavailable."""
    name, vhost, at = name_in(question, "broker"), name_in(question, "vhost"), moment_in(question, "at")
    broker = queries.broker(scope, name)
    if broker is None:
        raise VhostUnavailable("broker", f"There is no broker {name}.", "not_found")
    if vhost not in loaded_vhost.vhost_names(scope, broker):
        raise VhostUnavailable("vhost", f"Broker {broker.name} has no virtual host {vhost}.", "not_found")
    try:
        return broker, loaded_vhost.load(scope, broker, vhost, now, at)
    except NotRecorded as error:
        raise VhostUnavailable("at", f"{str(error)[:1].upper()}{str(error)[1:]}.", "not_found") from error


def name_in(question: Mapping[str, Any], field: str) -> str:
    value = question.get(field)
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or "\x00" in value:
        other = " (or definitions)" if field == "broker" and "task" not in question else ""
        raise VhostUnavailable(field, f"{field}: expected a name of up to {LONGEST_NAME} characters{other}.")
    return value


def moment_in(question: Mapping[str, Any], field: str) -> datetime | None:
    """The moment, in UTC if it has no zone; None if the question has none. Raises VhostUnavailable."""
    value = question.get(field)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise VhostUnavailable(field, f'{field}: expected a moment such as "2026-11-24T03:10:00Z".') from None
