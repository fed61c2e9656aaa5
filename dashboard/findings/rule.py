"""What a rule is, and what it reports.

Pure. A rule looks at the facts of one broker (or of Hareline itself) as they are stored now. It knows nothing of earlier rounds: how long something must be
seen, or be gone, is the business of `dashboard.findings.lifecycle`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from dashboard.layout.levels import Word

if TYPE_CHECKING:
    from dashboard.findings.facts import Facts
    from dashboard.findings.thresholds import Thresholds

Kind = Literal["broker", "node", "vhost", "queue", "exchange", "worker", "task", "connection", "client", "source", "transfer", "process", "rule", "hareline"]
LinkKind = Literal[
    "queue",
    "exchange",
    "worker",
    "connection",
    "node",
    "queues",
    "exchanges",
    "connections",
    "workers",
    "tasks",
    "failures",
    "overview",
    "about",
    "targets",
    "why",
    "periodic",
]


class Object(msgspec.Struct, frozen=True):
    """What a finding is about. `vhost` is "" for what has none, `pk` None for what has no page."""

    kind: Kind
    name: str
    vhost: str = ""
    pk: int | None = None


class Evidence(msgspec.Struct, frozen=True):
    """A number or a fact as text ("Ready", "12,480"), as of when it was read, and where it comes from ("over 5 min", "policy mail-limits"). An estimate has
    a "~" before it."""

    name: str
    value: str
    at: datetime | None = None
    source: str = ""


class Cause(msgspec.Struct, frozen=True):
    """A probable cause, as a sentence, and what speaks for it."""

    text: str
    evidence: str = ""


class Link(msgspec.Struct, frozen=True):
    """A link to the page of an object by its primary key, or to a list by its filter (`query`, in the language of that list)."""

    text: str
    kind: LinkKind
    pk: int | None = None
    query: str = ""


class Found(msgspec.Struct, frozen=True):
    """Something wrong, as of now. `short` is a clause that follows the object's name ("is growing and nobody consumes it"). Texts are whole sentences.

    `since` is when it began, where what is stored shows that; `since_at_least`: it may have begun before. `detail` distinguishes several findings of a rule
    about one object. `under` is the identity of another finding that explains it, whether or not that one is open.
    """

    rule: str
    object: Object
    level: Word
    short: str
    since: datetime | None = None
    since_at_least: bool = False
    title: str = ""  # in place of the name and `short`
    summary: str = ""
    meaning: str = ""
    evidence: Sequence[Evidence] = ()
    causes: Sequence[Cause] = ()  # the likeliest first
    to_do: Sequence[str] = ()
    command: str = ""  # what to type, "" if nothing
    links: Sequence[Link] = ()
    clears: str = ""  # "when messages are acknowledged again"
    detail: str = ""
    under: str = ""

    @property
    def whole_title(self) -> str:
        return self.title or f"{self.object.name} {self.short}"


class Unsure(msgspec.Struct, frozen=True):
    """The rule can't assess some objects now, as their facts are unknown: what is open there is neither confirmed nor cleared. None matches all.

    `why` is a clause; `under` the identity of the finding that explains it, "" if none does.
    """

    why: str
    vhost: str | None = None
    kind: Kind | None = None
    name: str | None = None
    under: str = ""

    def covers(self, kind: str, vhost: str, name: str) -> bool:
        return self.vhost in (None, vhost) and self.kind in (None, kind) and self.name in (None, name)


Report = Found | Unsure


class Threshold(msgspec.Struct, frozen=True):
    """A number that a person may change for some objects: `unit` is s, messages, %, /s, or "" for a count; `least` and `most` are what makes sense."""

    key: str
    label: str
    default: float
    unit: str = ""
    least: float = 0.0
    most: float = 1e12


class Rule(Protocol):
    """A module of `dashboard.findings.rules` has these names, and so is a rule.

    KEY stays for good: settings, silences and metrics have it. ABOUT is one sentence. NEEDS are the parts of the poll without which it can't assess (names of
    `brokers.parts`, and "broker"). OPENS_AFTER: so long it must have been seen before it is opened (0: at once); CLEARS_AFTER: so long it must be gone
    before it is closed. A rule may also have LEARNED, {key of a threshold: what counts in its place, a clause}, and OPENS_TEXT: when it opens, where
    the rule itself waits for some objects before it reports them.
    """

    @property
    def KEY(self) -> str: ...
    @property
    def NAME(self) -> str: ...
    @property
    def ABOUT(self) -> str: ...
    @property
    def NEEDS(self) -> tuple[str, ...]: ...
    @property
    def THRESHOLDS(self) -> tuple[Threshold, ...]: ...
    @property
    def OPENS_AFTER(self) -> timedelta: ...
    @property
    def CLEARS_AFTER(self) -> timedelta: ...

    def look(self, facts: Facts, thresholds: Thresholds, /) -> Iterable[Report]:
        """Everything that the rule finds now, and what it can't assess. May raise anything: that is a finding of its own, and nothing of it is cleared."""
        ...


def identity(rule: str, broker: str, object: Object, detail: str = "") -> str:
    """The same for the same rule and object at any time: 32 hexadecimal digits. `broker` is the broker's name, "" for Hareline itself."""
    parts = (rule, broker, object.kind, object.vhost, object.name, detail)
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


_BODY = ("summary", "meaning", "evidence", "causes", "to_do", "command", "links", "clears")


def body_of(found: Found) -> dict[str, Any]:
    """What of it is stored as JSON: only builtin types, times as text in ISO 8601."""
    body: dict[str, Any] = msgspec.to_builtins({name: getattr(found, name) for name in _BODY})
    return body


class Body(msgspec.Struct):
    """A stored body, read again."""

    summary: str = ""
    meaning: str = ""
    evidence: list[Evidence] = []
    causes: list[Cause] = []
    to_do: list[str] = []
    command: str = ""
    links: list[Link] = []
    clears: str = ""


def read_body(stored: Mapping[str, Any]) -> Body:
    return msgspec.convert(stored, Body)
