"""The lab's pages: what can be started and what runs, and one experiment with its knobs, its drawing and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers.polling import leases
from brokers.scope import Scope
from dashboard import queries
from dashboard.lab import action
from dashboard.lab.drawing import Drawing, drawn
from dashboard.lab.runner import LEASE
from dashboard.layout import formatting
from dashboard.layout.levels import Word
from dashboard.models import LabExperiment, User
from dashboard.store import LONGEST_EXPERIMENT
from workers.lab import plans
from workers.lab.catalog import PATTERNS, Pattern
from workers.lab.knobs import KNOBS, Knob, Knobs, read
from workers.lab.plan import Plan, Variant

NO_PROCESS = "The lab’s process (manage.py runlab) does not run, so nothing is started, changed or removed. Where HARELINE_LAB is set it starts with Hareline."
LEVELS: dict[str, Word] = {"yes": "ok", "no": "warning", "unknown": "unknown"}
OLD = timedelta(seconds=10)
STATES = {
    LabExperiment.WAITING: "waits for the lab’s process",
    LabExperiment.STARTING: "starting its worker nodes",
    LabExperiment.RUNNING: "running",
    LabExperiment.REMOVING: "being removed",
    LabExperiment.ENDED: "ended",
}


class Field(msgspec.Struct, frozen=True):
    """A knob in the form."""

    knob: Knob
    value: str
    problem: str = ""
    choices: list[tuple[int, str]] = []
    several: bool = False


class Message(msgspec.Struct, frozen=True):
    """A message that was published lately. `why`: the address of the question why it went there."""

    label: str
    number: str
    state: str
    nodes: str
    why: str


class Offer(msgspec.Struct, frozen=True):
    """A pattern, and each broker where it may be started with the reason why it can't run there, "" if it can."""

    pattern: Pattern
    brokers: list[tuple[str, str]]


class LabPage:
    """`brokers`: of those that this person may see, the ones that are marked for the lab; `allowed`: of these, where they may start something."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, brokers: list[str], now: datetime, problem: str = "") -> None:
        self.now, self.problem = now, problem
        self.brokers = [name for name in brokers if name in settings.LAB]
        self.others = [name for name in brokers if name not in settings.LAB]
        why_not = {name: action.why_not(user, name) for name in self.brokers}
        self.refusals = [why for why in why_not.values() if why]
        self.allowed = [name for name, why in why_not.items() if not why]
        self.patterns = [Offer(one, [(name, action.unsuitable(name, one.key)) for name in self.allowed]) for one in PATTERNS.values()]
        self.active = [ExperimentRow(one, now) for one in queries.active_experiments(scope)]
        self.ended = [ExperimentRow(one, now) for one in queries.ended_experiments(scope)]
        self.notice = NO_PROCESS if self.brokers and leases.holder_of(LEASE, now) is None else ""


class ExperimentRow:
    def __init__(self, found: LabExperiment, now: datetime) -> None:
        self.found = found
        self.name = PATTERNS[found.pattern].name if found.pattern in PATTERNS else found.pattern
        self.state = STATES[found.state]
        self.left = formatting.duration(found.ends_at - now) if found.ends_at > now else ""


class ExperimentPage:
    """`given`: the fields of a form with mistakes; {} else."""

    def __init__(self, user: User | AnonymousUser, found: LabExperiment, now: datetime, given: Mapping[str, str] | None = None) -> None:
        self.found, self.now, self.row = found, now, ExperimentRow(found, now)
        self.pattern: Pattern = PATTERNS[found.pattern]
        self.knobs = action.knobs_of(found)
        self.given, self.problems = given or {}, self.read(given)[1] if given else {}
        self.refusal = action.why_not(user, found.broker)
        self.goes_on = found.state != LabExperiment.ENDED
        self.can_change = self.goes_on and not self.refusal and not found.stopped_by and found.state != LabExperiment.REMOVING
        self.can_prolong = self.can_change and found.ends_at < found.requested_at + LONGEST_EXPERIMENT
        known: dict[str, Any] = found.measured or {}
        self.measured = known if known.get("revision") == found.revision else {}  # what was measured with other knobs is of other nodes and messages
        self.notice = NO_PROCESS if self.goes_on and leases.holder_of(LEASE, now) is None else ""
        self.old = formatting.age(found.measured_at, now) if self.goes_on and self.measured and found.measured_at and now - found.measured_at > OLD else ""

    def read(self, given: Mapping[str, str]) -> tuple[Knobs, dict[str, str]]:
        """The knobs with what was given, and what is wrong with it."""
        return read(given, self.pattern.offers, self.knobs, self.pattern.checks)

    @cached_property
    def fields(self) -> list[Field]:
        return [self._field(KNOBS[name]) for name in self.pattern.offers]

    def _field(self, knob: Knob) -> Field:
        known = getattr(self.knobs, knob.name)
        several = isinstance(known, tuple)
        value = self.given.get(knob.name, "\n".join(known) if several else f"{known:g}")
        choices = [(number, f"{number}: {name}") for number, (name, *_) in plans.ARRANGEMENTS.items()] if knob.name == "arrangement" else []
        return Field(knob, value, self.problems.get(knob.name, ""), choices, several)

    @cached_property
    def plan(self) -> Plan:
        return self.pattern.plan(self.knobs)

    @cached_property
    def drawing(self) -> Drawing:
        return drawn(self.plan, self.measured)

    @property
    def verdict_level(self) -> Word:
        return LEVELS[self.measured["verdict"]["holds"]] if self.measured else "unknown"

    @property
    def verdict_text(self) -> str:
        return str(self.measured["verdict"]["text"]) if self.measured else "Nothing has been measured with these settings."

    @cached_property
    def nodes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.measured.get("nodes", [])
        total = sum(node["done"] for node in found)
        return [{**node, "held": max(0, node["held"]), "share": f"{node['done'] / total:.1%}" if total else "–"} for node in found]

    @cached_property
    def messages(self) -> list[Message]:
        """The latest first."""
        variants = self.plan.publisher.variants
        return [self._message(one, variants[one["variant"]]) for one in reversed(self.measured.get("messages", []))]

    def _message(self, one: Mapping[str, Any], variant: Variant) -> Message:
        question = {"broker": self.found.broker, "vhost": self.found.vhost, "of": "message"}
        question |= {"exchange": self.plan.publisher.exchange, "routing_key": variant.routing_key}
        if variant.headers:
            question["headers"] = msgspec.json.encode(variant.headers).decode()
        tried = f", rejected {one['rejected']}×" if one["rejected"] else ""
        why = f"{reverse('routing')}?{urlencode(question)}"
        return Message(variant.label, one["id"].rpartition(".")[2], f"{one['state']}{tried}", ", ".join(one["nodes"]), why)
