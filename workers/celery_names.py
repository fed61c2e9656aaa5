"""The names under which the Celery applications of a virtual host exchange events and remote control, and how they are found. Pure.

Celery's defaults are the exchanges `celeryev` and `celery.pidbox` (settings event_exchange and control_exchange; kombu adds `.pidbox`). Each worker
consumes a control queue `<hostname>.<control_exchange>.pidbox`; with gossip also `<event_queue_prefix>.<uuid>`, bound by `worker.#`.
Several applications of one virtual host may have names of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

EVENT_EXCHANGE, CONTROL_EXCHANGE, EVENT_QUEUE_PREFIX = "celeryev", "celery", "celeryev"
PIDBOX, REPLIES = ".pidbox", "reply."
GOSSIP_KEY = "worker.#"
EVERY_VHOST = "*"
_LONGEST_NAME = 255
_UUID = re.compile(r"\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_LAST_WORD = re.compile(r"(?:\A|[._:/-])(?:ev|events?)\Z|celery_?ev", re.IGNORECASE)
_FIELDS = {"event_exchange": "event_exchanges", "control_exchange": "control_exchanges", "event_queue_prefix": "event_queue_prefixes"}
CONTENT_TYPE = "content_type"


class InvalidNames(ValueError):
    """A value of HARELINE_CELERY_<NAME> that can't be used; `str()` is a sentence without the variable's name."""


class CeleryNames(msgspec.Struct, frozen=True):
    """Each as the setting of Celery has it, without `.pidbox`. `content_type`: of remote-control messages, where a worker takes no usual one."""

    event_exchanges: tuple[str, ...] = (EVENT_EXCHANGE,)
    control_exchanges: tuple[str, ...] = (CONTROL_EXCHANGE,)
    event_queue_prefixes: tuple[str, ...] = (EVENT_QUEUE_PREFIX,)
    content_type: str = ""

    @property
    def pidboxes(self) -> tuple[str, ...]:
        """The exchanges of remote control."""
        return tuple(f"{name}{PIDBOX}" for name in self.control_exchanges)

    @property
    def machinery(self) -> frozenset[str]:
        """The exchanges of events, of remote control and of its replies: no task goes through them."""
        return frozenset((*self.event_exchanges, *self.pidboxes, *(f"{REPLIES}{name}" for name in self.pidboxes)))

    def hostname_of(self, queue: str) -> str | None:
        """The worker whose control queue this is; None if it is no control queue.

        >>> CeleryNames(control_exchanges=("team.control",)).hostname_of("celery@a.b.team.control.pidbox")
        'celery@a.b'
        """
        if not queue.endswith(PIDBOX):
            return None
        endings = sorted((f".{pidbox}" for pidbox in (*self.pidboxes, f"{CONTROL_EXCHANGE}{PIDBOX}")), key=len, reverse=True)
        ending = next((ending for ending in endings if queue.endswith(ending)), None)
        return None if ending is None else queue.removesuffix(ending) or None

    def is_event_queue(self, queue: str) -> bool:
        """Whether it is a queue in which a worker or a monitor receives events."""
        return queue.startswith(_beginnings(self.event_queue_prefixes))


@lru_cache(256)
def _beginnings(event_queue_prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{prefix}." for prefix in (*event_queue_prefixes, EVENT_QUEUE_PREFIX))


DEFAULT = CeleryNames()


def parse(text: str) -> dict[str, CeleryNames]:
    """{virtual host, or `*` for every other one: names} of a value of HARELINE_CELERY_<NAME>. Raises InvalidNames.

    >>> parse("/shop?event_exchange=team.event&control_exchange=team.control")["/shop"].pidboxes
    ('team.control.pidbox',)
    """
    found: dict[str, dict[str, list[str]]] = {}
    for entry in (part.strip() for part in text.split("|")):
        if not entry:
            continue
        vhost, mark, query = entry.partition("?")
        given = parse_qsl(query, keep_blank_values=True)
        if not mark or not given:
            raise InvalidNames(f"expected a virtual host and its names, such as /shop?event_exchange=team.event, got {entry[:80]!r}")
        names = found.setdefault(unquote(vhost) or "/", {})
        for name, value in given:
            if name not in _FIELDS and name != CONTENT_TYPE:
                raise InvalidNames(f"{name[:80]!r} is not one of {', '.join((*_FIELDS, CONTENT_TYPE))}")
            if not value or len(value.encode()) > _LONGEST_NAME:
                raise InvalidNames(f"the {name} of {vhost or '/'} is empty or longer than {_LONGEST_NAME} bytes")
            if value not in names.setdefault(name, []):
                names[name].append(value.removesuffix(PIDBOX) if name == "control_exchange" else value)
    return {vhost: _configured(names) for vhost, names in found.items()}


def _configured(names: Mapping[str, list[str]]) -> CeleryNames:
    lists = {field: tuple(names[name]) for name, field in _FIELDS.items() if name in names}
    return CeleryNames(**lists, content_type=names.get(CONTENT_TYPE, [""])[-1])


class Seen(msgspec.Struct):
    """What the broker shows of one virtual host: its topic exchanges, its fanout exchanges that end in `.pidbox`, and the bindings by `worker.#`
    as (exchange, queue). `bound`: the topic exchanges with any other binding. `reported`: configurations of its workers."""

    topics: set[str] = msgspec.field(default_factory=set)
    pidboxes: set[str] = msgspec.field(default_factory=set)
    gossip: set[tuple[str, str]] = msgspec.field(default_factory=set)
    bound: set[str] = msgspec.field(default_factory=set)
    reported: list[Mapping[str, Any]] = msgspec.field(default_factory=list)


class Found(msgspec.Struct, frozen=True):
    """`names` is None where nothing of Celery was seen. `unwatched`: exchanges that look like Celery's events, without proof."""

    names: CeleryNames | None
    unwatched: tuple[str, ...] = ()


def find(seen: Seen, configured: CeleryNames | None = None, before: CeleryNames | None = None) -> Found:
    """The names of one virtual host: those configured; else by the bindings of gossip, by what workers report, and Celery's defaults where they exist.

    `before`: those found earlier, which count as long as their exchanges exist: the bindings go with the last worker.
    """
    if configured is not None:
        return Found(configured, _look_alikes(seen, configured))
    gossip = {(exchange, _UUID.split(queue)[0]) for exchange, queue in seen.gossip if exchange in seen.topics and _UUID.search(queue)}
    known = {EVENT_EXCHANGE, *_reported(seen, "event_exchange"), *(before.event_exchanges if before else ())}
    events = {exchange for exchange, _ in gossip} | (known & seen.topics)
    controls = {name.removesuffix(PIDBOX) for name in seen.pidboxes if not name.startswith(REPLIES)} - {""}
    prefixes = {prefix for _, prefix in gossip} | _reported(seen, "event_queue_prefix") | set(before.event_queue_prefixes if before else ())
    if not events and not controls:
        return Found(None, _look_alikes(seen, CeleryNames((), ())))
    names = CeleryNames(_sorted(events) or (EVENT_EXCHANGE,), _sorted(controls) or (CONTROL_EXCHANGE,), _sorted(prefixes | {EVENT_QUEUE_PREFIX}))
    return Found(names, _look_alikes(seen, names))


def _reported(seen: Seen, setting: str) -> set[str]:
    return {value for conf in seen.reported for name, value in conf.items() if name == setting and isinstance(value, str) and value}


def _look_alikes(seen: Seen, names: CeleryNames) -> tuple[str, ...]:
    """Topic exchanges that are called as Celery's is and to which nothing is bound: a program's own events have somebody who reads them."""
    unwatched = seen.topics - set(names.event_exchanges) - seen.bound
    return tuple(sorted(name for name in unwatched if may_be_events(name)))


def may_be_events(exchange: str) -> bool:
    """Whether it is called as an exchange of Celery's events may be.

    >>> may_be_events("team.event"), may_be_events("prevent"), may_be_events("amq.rabbitmq.event")
    (True, False, False)
    """
    return _LAST_WORD.search(exchange) is not None and not exchange.startswith("amq.")


def _sorted(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(found))


def hint(unwatched: Iterable[str], variable: str, vhost: str) -> str:
    """The sentences for exchanges that are not watched; "" if there is none."""
    names = sorted(unwatched)
    if not names:
        return ""
    listed = " and ".join(", ".join(names).rsplit(", ", 1))
    verb = "looks" if len(names) == 1 else "look"
    return (
        f"exchange{'' if len(names) == 1 else 's'} {listed} {verb} like Celery events; not watched. To watch, set {variable}={vhost}?event_exchange={names[0]}"
    )
