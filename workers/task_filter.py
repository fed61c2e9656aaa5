"""What a list of tasks is narrowed to. Pure; the words of the page's and the API's query are read by the dashboard."""

from __future__ import annotations

from datetime import datetime

import msgspec

from workers.receiving.task_order import STATES, UNKNOWN
from workers.task_words import may_begin_one, words_of

ALL_STATES = (*STATES, UNKNOWN)


class Bound(msgspec.Struct, frozen=True):
    """A figure of a task compared with a value: `runtime`, `wait`, `overrun` and `eta` in seconds, `retries`. Unknown figures fulfil nothing."""

    field: str
    operator: str
    value: float


class TaskFilter(msgspec.Struct, frozen=True):
    """Empty fields narrow nothing. `name` and `worker`: exact, or with `*` for anything.
    `states`: any of them; `broker`: a name or a primary key; `start` and `end`: when it was first seen, from and before.

    `text`: words that all stand in its name, arguments or exception (the last may be the beginning of a word), or the beginning of its uuid.
    `args` and `exception`: words that all stand in these. `root`: the task of this uuid and all below it; `parent`: those that it called.
    `without`: (name, worker or queue, the value it must not have; unknown ones have it not). `now`: what unfinished times of `bounds` end at.
    """

    broker: str | int | None = None
    vhost: str | None = None
    states: tuple[str, ...] = ()
    name: str | None = None
    worker: str | None = None
    queue: str | None = None
    uuids: tuple[str, ...] = ()
    text: str = ""
    args: tuple[str, ...] = ()
    exception: tuple[str, ...] = ()
    root: str | None = None
    parent: str | None = None
    bounds: tuple[Bound, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    now: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def has_words(self) -> bool:
        return bool(self.text.strip() or self.args or self.exception)

    @property
    def is_searched(self) -> bool:
        """True if no index finds what matches: then so many tasks are looked at for a page, and the next page goes on from there."""
        return bool(self.has_words or self.bounds or self.without)

    def check(self) -> None:
        """Raises ValueError, with what is allowed, for a state there is not."""
        for state in self.states:
            if state not in ALL_STATES:
                raise ValueError(f"unknown state {state!r}; allowed: {', '.join(ALL_STATES)}")


EVERY_TASK = TaskFilter()


def name_fits(pattern: str, name: str) -> bool:
    """True if the whole name fits a pattern in which `*` stands for any text. No regular expression: both are written by others, and none may be slow.

    >>> name_fits("orders.*.pay", "orders.eu.pay"), name_fits("a*a", "a"), name_fits("a?", "ab")
    (True, False, False)
    """
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    if not name.startswith(first):
        return False
    *middle, last = rest
    at = len(first)
    for part in middle:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - at >= len(last) and name.endswith(last)


def search_text(text: str) -> str:
    """The text as an FTS5 query, "" if there is no word in it. Every word is a phrase of its parts, so that no operator of FTS5 counts.

    >>> search_text("orders.capture 20"), search_text("orders.capture 200")
    ('"orders.capture" "20"', '"orders.capture" "200"*')
    """
    words = [word.replace('"', '""') for word in text.replace("\x00", " ").split() if any(character.isalnum() for character in word)]
    if not words:
        return ""
    quoted = [f'"{word}"' for word in words]
    last = words_of(words[-1])
    return " ".join(quoted) + ("*" if last and may_begin_one(words[-1], last) else "")
