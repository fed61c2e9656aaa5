"""The definitions of a recorded moment, in the form that RabbitMQ imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from brokers.definitions_format import LEFT_OUT, PARTLY_VISIBLE, exported
from brokers.models import Broker
from brokers.queries.compared import recorded_definitions
from brokers.scope import Scope
from dashboard.comparison.given import moment_given

WITHOUT = "virtual host {vhost}: none of its definitions were recorded then"


class Unavailable(Exception):
    """Definitions that can't be shown; `field` is the parameter at fault. `str()` is a sentence."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def definitions_of(scope: Scope, given: Mapping[str, str], brokers: Sequence[Broker], chosen: Broker | None, now: datetime) -> dict[str, Any]:
    """Of one virtual host, or of the whole broker where none is given. Raises NotRecorded and Unavailable."""
    broker = next((one for one in brokers if one.name == given.get("broker")), None if given.get("broker") else chosen)
    if broker is None:
        raise Unavailable("broker", f"There is no broker {given['broker']}." if given.get("broker") else "Name the broker.")
    text = given.get("at", "").strip()
    at, problem = moment_given(text, now) if text else (now, "")
    if at is None:
        raise Unavailable("at", problem)
    vhost = given.get("vhost") or None
    found = recorded_definitions(scope, broker, vhost, at)
    left_out = [*LEFT_OUT, *([PARTLY_VISIBLE] if found.is_partial else []), *(WITHOUT.format(vhost=name) for name in found.without)]
    return exported(found.topologies, broker.version, at, whole_broker=vhost is None, left_out=left_out)
