"""Frames of the live protocol as text: a row is encoded once, a frame is a join of encoded rows. Pure; docs/live.md is the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from dashboard.live.topics import name_of

_encoder = msgspec.json.Encoder()


def encode(value: Any) -> str:
    """JSON text."""
    return _encoder.encode(value).decode()


class SharedText(str):
    """A text that many sockets get. `frame` is what the server writes to each of them, once it has made it."""

    frame: bytes | None = None


class Moment(msgspec.Struct, frozen=True):
    """How old a topic's data is: `at` is when the source last reported, None if it never did."""

    now: datetime
    at: datetime | None = None
    interval_seconds: float | None = None

    @property
    def age_seconds(self) -> float | None:
        """Seconds since `at`, never negative."""
        return None if self.at is None else max(0.0, round((self.now - self.at).total_seconds(), 3))


class Failing(msgspec.Struct, frozen=True):
    """A topic that can't be loaded: since when, and why in a few words. What its viewers have is as old as that."""

    since: datetime
    reason: str


class Patch:
    """What is new of a topic, which is given by its key. `rows` are encoded already; `full` means: this is all there is, not a difference."""

    __slots__ = ("_head", "_rows", "topic")

    def __init__(
        self,
        topic: str,
        epoch: str,
        seq: int,
        moment: Moment,
        rows: Mapping[str, str],
        parts: Iterable[str] = (),
        full: bool = False,
        facts: Mapping[str, str] | None = None,
        failing: Failing | None = None,
    ) -> None:
        head: dict[str, Any] = {
            "topic": name_of(topic),
            "epoch": epoch,
            "seq": seq,
            "at": moment.at and iso(moment.at),
            "age_seconds": moment.age_seconds,
            "interval_seconds": moment.interval_seconds,
        }
        if full:
            head |= {"full": True, "facts": facts or {}}
        if failing:
            head["failing"] = {"since": iso(failing.since), "reason": failing.reason}
        head["parts"] = sorted(parts)
        self.topic = topic
        self._head = encode(head)[:-1] + ',"rows":{'
        self._rows = {key: f"{encode(key)}:{text}" for key, text in rows.items()}

    def frame(self, shown: frozenset[str] | None) -> str:
        """The text for a viewer of these rows (None: of all); what it doesn't show is left out, what it shows and is not new is not there.

        >>> Patch("broker/1", "e", 1, Moment(datetime(2026, 1, 1, tzinfo=UTC)), {"broker-1": "{}"}).frame(frozenset())[-13:]
        ',"rows":{}}'
        """
        return f"{self._head}{','.join([text for key, text in self._rows.items() if shown is None or key in shown])}}}}}"


def iso(at: datetime) -> str:
    """A moment as it travels in frames and pages, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
