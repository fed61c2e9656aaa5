"""What a person types into a list's filter: words and qualifiers such as `vhost:/shop depth>1000 worker:none`, understood and explained.

Pure. Nothing is ever refused: a part that can't be used is kept, not applied, and carries its problem as text. A list whose filter has
such a part shows no rows (`Filter.mended` leads to what it would show without). Blanks inside a value need quotes. Which rows fulfil the
conditions is decided by `brokers.queries`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from brokers.conditions import COMPARISONS, Condition
from dashboard.layout import moments
from dashboard.layout.durations import seconds_of

MOST_TERMS = 100
"""Each is a condition of the database's query, which may have some hundreds."""
MOST_TRIED = 15
TEXT, NUMBER, DURATION, CHOICE, MOMENT = "text", "number", "duration", "choice", "moment"
_SOME_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)  # whether a text is a moment does not depend on the time
_PART = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_QUALIFIED = re.compile(r"(-?)([A-Za-z][A-Za-z_-]*)(>=|<=|!=|[:=<>~])(.*)", re.DOTALL)


class Qualifier(msgspec.Struct, frozen=True):
    """A word that may stand before `:` or a comparison. `field` is a condition's, "" for those the page itself resolves."""

    name: str
    kind: str
    field: str
    sentence: str
    example: str
    choices: tuple[str, ...] = ()
    part: bool = False  # `:` looks for a part of the text
    aliases: tuple[str, ...] = ()  # other words for the choices
    negates: bool = False  # of those that the page resolves: `!=` and a leading minus leave out what has the value

    @property
    def compares(self) -> bool:
        """True for figures, which `>` and `<` compare."""
        return self.kind in (NUMBER, DURATION)


class Term(msgspec.Struct, frozen=True):
    """One part of the filter. `text` is as typed; `problem` is "" if it applies. A plain word has no qualifier."""

    text: str
    value: str
    qualifier: Qualifier | None = None
    operator: str = ""
    problem: str = ""

    @property
    def is_word(self) -> bool:
        return self.qualifier is None and not self.problem

    @property
    def head(self) -> str:
        """The part before the value, for the chip: "vhost:"."""
        return f"{self.qualifier.name}{self.operator}" if self.qualifier else ""


class Filter(msgspec.Struct, frozen=True):
    """The whole filter, in the order typed."""

    terms: tuple[Term, ...]

    @property
    def text(self) -> str:
        """The filter as one text for the address."""
        return " ".join(term.text for term in self.terms)

    @property
    def words(self) -> str:
        """The plain words, which stay in the input field."""
        return " ".join(term.text for term in self.terms if term.is_word)

    @property
    def chips(self) -> list[tuple[Term, str]]:
        """(term, the filter without it) of everything that isn't a plain word."""
        return [(term, self.without(term)) for term in self.terms if not term.is_word]

    @property
    def problems(self) -> list[Term]:
        return [term for term in self.terms if term.problem]

    def without(self, *removed: Term) -> str:
        """The text without these terms."""
        return " ".join(term.text for term in self.terms if term not in removed)

    @property
    def tried(self) -> tuple[Term, ...]:
        """The terms that an empty list is counted without, one after the other."""
        return self.terms[:MOST_TRIED]

    @property
    def mended(self) -> Filter:
        """The filter without the terms that can't be applied."""
        return Filter(tuple(term for term in self.terms if not term.problem))

    def with_text(self, text: str) -> str:
        return f"{self.text} {text}".strip()

    def values(self, name: str) -> list[str]:
        """The values of a qualifier that the page resolves itself."""
        return [term.value for term in self.terms if term.qualifier and term.qualifier.name == name and not term.problem]

    def conditions(self) -> list[Condition]:
        """What `brokers.queries` can answer; terms with a problem and those the page resolves are left out."""
        return [condition for term in self.terms for condition in condition_of(term)]


def parse(text: str, qualifiers: Mapping[str, Qualifier]) -> Filter:
    """The filter of a text; "" is one without terms.

    >>> [term.head for term in parse('type:quorum depth>1000 "my queue"', QUEUES).terms]
    ['type:', 'depth>', '']
    """
    parts = list(dict.fromkeys(_PART.findall(text)))
    beyond = (Term(part, part, problem=f"A filter has at most {MOST_TERMS} parts, and this one comes after them.") for part in parts[MOST_TERMS:])
    return Filter((*(_term(part, qualifiers) for part in parts[:MOST_TERMS]), *beyond))


def _term(part: str, qualifiers: Mapping[str, Qualifier]) -> Term:
    found = None if part.startswith('"') else _QUALIFIED.fullmatch(part)
    if not found:
        return Term(part, part.replace('"', ""))
    minus, name, operator, value = found[1], found[2].lower(), found[3], found[4].replace('"', "")
    qualifier = qualifiers.get(name)
    if qualifier is None:
        return Term(part, part, problem=_unknown(name, part, qualifiers))
    if qualifier.compares and operator == ":" and (compared := _COMPARED.match(value)):
        operator, value = compared[0], value[compared.end() :]
    if minus and (operator not in (":", "=") or qualifier.compares):
        return Term(part, value, qualifier, operator, f"A minus goes with a colon, for example -{name}:{value or 'value'}.")
    return Term(part, value, qualifier, "!=" if minus else operator, _problem(qualifier, "!=" if minus else operator, value))


_COMPARED = re.compile(">=|<=|[><=]")


def _unknown(name: str, part: str, qualifiers: Mapping[str, Qualifier]) -> str:
    near = difflib.get_close_matches(name, qualifiers, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted({each.name for each in qualifiers.values()}))}."
    return f"Nothing here is called {name}; {hint} To search for it as text, quote it: {literal(part)}."


def literal(part: str) -> str:
    """A part as it must be typed to be searched for as it stands.

    >>> literal("customer=17")
    '"customer=17"'
    """
    return f'"{part.replace(chr(34), "")}"'


def _near(value: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(value.lower(), choices, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _problem(qualifier: Qualifier, operator: str, value: str) -> str:
    """Why the term can't be applied, "" if it can."""
    if not value:
        return f"{qualifier.name} needs a value, for example {qualifier.example}."
    if qualifier.kind == NUMBER:
        if operator == "~":
            return f"{qualifier.name} is a number: compare it with = != > >= < or <=."
        return "" if number_of(value) is not None else f"{qualifier.name} needs a number, for example {qualifier.example}, not {value}."
    if qualifier.kind == DURATION:
        if operator == "~":
            return f"{qualifier.name} is a time: compare it with > >= < or <=."
        return "" if seconds_of(value) is not None else f"{qualifier.name} needs a time in ms, s, m or h, for example {qualifier.example}, not {value}."
    if operator not in (":", "=", "!=", "~"):
        return f"{qualifier.name} is text and can't be compared with {operator}; write {qualifier.example}."
    if qualifier.kind == CHOICE and (unknown := [one for one in value.split(",") if one.lower() not in (*qualifier.choices, *qualifier.aliases)]):
        return (
            f"{qualifier.name} must be {', '.join(qualifier.choices[:-1])} or {qualifier.choices[-1]}, not {unknown[0]}."
            f"{_near(unknown[0], (*qualifier.choices, *qualifier.aliases))}"
        )
    if qualifier.kind == MOMENT and moments.moment_of(value, _SOME_MOMENT) is None:
        return f"{qualifier.name} needs a moment, for example {moments.EXAMPLES}, not {value}."
    if not qualifier.field and (operator == "~" or (operator == "!=" and not qualifier.negates)):
        return f"{qualifier.name} needs a colon, for example {qualifier.example}."
    return ""


_THOUSANDS = {"k": 1e3, "m": 1e6}
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?![\d,])")  # a comma elsewhere may be meant as a decimal one


def number_of(text: str) -> float | None:
    """A number as people write it, None if it is none.

    >>> number_of("1,000"), number_of("12k"), number_of("many"), number_of("1,5")
    (1000.0, 12000.0, None, None)
    """
    text = text.strip().lower()
    if _GROUPED.match(text):
        text = text.replace(",", "")
    factor = _THOUSANDS.get(text[-1:], 1)
    try:
        value = float(text[:-1] if factor != 1 else text) * factor
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def condition_of(term: Term) -> list[Condition]:
    """The condition that a term stands for; [] where it has a problem or the page resolves it.

    >>> condition_of(parse("depth>=10", QUEUES).terms[0])
    [Condition(field='depth', operator='>=', value=10.0)]
    """
    if term.problem:
        return []
    if term.qualifier is None:
        return [Condition("name", "~", term.value)]
    qualifier, operator = term.qualifier, term.operator
    if not qualifier.field:
        return []
    if qualifier.kind == NUMBER:
        number = number_of(term.value) or 0.0
        return [Condition(qualifier.field, "=" if operator == ":" else operator, number)]
    if qualifier.kind == CHOICE and qualifier.choices == YES_NO:
        return [Condition(qualifier.field, "!=" if operator == "!=" else "=", term.value.lower())]
    if "," in term.value and operator in (":", "="):
        return [Condition(qualifier.field, "in", tuple(part for part in term.value.split(",") if part))]
    exact = "~" if qualifier.part else "="
    return [Condition(qualifier.field, exact if operator == ":" else operator, term.value)]


def quoted(value: str) -> str:
    """A value as it must be typed: in quotes if it holds a blank; a quote inside can't be typed, so what follows it is left to the part before."""
    return f'"{value}"' if re.search(r"\s", value) else value


def named(qualifiers: Iterable[Qualifier]) -> dict[str, Qualifier]:
    return {qualifier.name: qualifier for qualifier in qualifiers}


YES_NO = ("yes", "no")
_COMMON: Sequence[Qualifier] = (
    Qualifier("name", TEXT, "name", "A part of the name; plain words mean the same", "name:mail", part=True),
    Qualifier("vhost", TEXT, "vhost", "The virtual host", "vhost:/shop"),
    Qualifier("policy", TEXT, "policy", "The policy that applies", "policy:limits"),
)
_QUEUE_ONLY: Sequence[Qualifier] = (
    Qualifier("type", TEXT, "type", "How the queue is built", "type:quorum", ("classic", "quorum", "stream")),
    Qualifier("state", TEXT, "state", "The queue's state in RabbitMQ", "state:running", ("running", "idle", "flow", "down")),
    Qualifier("node", TEXT, "node", "The node that leads it, or a part of its name", "node:rabbit@a", part=True),
    Qualifier("worker", TEXT, "", "A worker node that consumes it, or none", "worker:none", ("none",)),
    Qualifier("is", CHOICE, "", "growing: more comes in than goes out; stuck: nothing is acknowledged for a while", "is:stuck", ("growing", "stuck")),
    Qualifier("durable", CHOICE, "durable", "Whether it outlives the broker", "durable:yes", YES_NO),
    Qualifier("exclusive", CHOICE, "exclusive", "Whether it belongs to one connection", "exclusive:no", YES_NO),
    Qualifier("depth", NUMBER, "depth", "Ready and unacknowledged together", "depth>1000"),
    Qualifier("ready", NUMBER, "ready", "Messages that wait", "ready>100"),
    Qualifier("unacked", NUMBER, "unacknowledged", "Messages that consumers hold", "unacked>0"),
    Qualifier("consumers", NUMBER, "consumers", "How many consumers are attached", "consumers=0"),
    Qualifier("in", NUMBER, "publish_per_second", "Messages a second that come in", "in>10"),
    Qualifier("out", NUMBER, "deliver_per_second", "Messages a second that go out", "out<1"),
    Qualifier("ack", NUMBER, "ack_per_second", "Messages a second that are acknowledged", "ack=0"),
)
QUEUES = named((*_COMMON, *_QUEUE_ONLY))
EXCHANGES = named(
    (
        *_COMMON,
        Qualifier("type", TEXT, "type", "How it routes", "type:topic", ("direct", "fanout", "topic", "headers")),
        Qualifier("durable", CHOICE, "durable", "Whether it outlives the broker", "durable:yes", YES_NO),
        Qualifier("internal", CHOICE, "internal", "Whether only other exchanges may publish to it", "internal:yes", YES_NO),
        Qualifier("in", NUMBER, "publish_in_per_second", "Messages a second that come in", "in>10"),
        Qualifier("out", NUMBER, "publish_out_per_second", "Messages a second that go out to queues and exchanges", "out=0"),
    )
)


def fulfils(item: object, term: Term) -> bool:
    """Whether a row fulfils a term, as `condition_of` would have it; a term with a problem hides nothing, an unknown number fulfils nothing."""
    if term.problem:
        return True
    if term.qualifier is None:
        return term.value.casefold() in str(getattr(item, "name", "")).casefold()
    qualifier, operator = term.qualifier, term.operator
    actual = getattr(item, qualifier.field)
    if actual is None:
        return False
    if qualifier.kind == NUMBER:
        return COMPARISONS["=" if operator == ":" else operator](actual, number_of(term.value) or 0.0)
    if qualifier.choices == YES_NO:
        return (actual is (term.value.lower() == "yes")) != (operator == "!=")
    if operator == "~" or (qualifier.part and operator == ":"):
        return term.value.casefold() in str(actual).casefold()
    return (str(actual) in term.value.split(",")) != (operator == "!=")
