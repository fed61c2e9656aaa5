"""Bindings of an exchange that can never match, or that add nothing to another binding."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.routing.binding_faults import BindingFault
from dashboard.findings import faulted
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.findings.topology_faults import TopologyFault
from dashboard.layout import formatting
from dashboard.layout.formatting import shown

KEY = "useless_binding"
NAME = "Binding without effect"
ABOUT = "A binding can never match, compares wildcards literally, or matches only what another binding to the same destination matches."
NEEDS = ("broker", parts.BINDINGS)
THRESHOLDS = ()
OPENS_AFTER = timedelta(minutes=1)
CLEARS_AFTER = timedelta(seconds=10)
WORDS = {
    "impossible": "can never match, whatever the headers of a message",
    "literal": "has a wildcard that is compared literally",
    "duplicate": "matches the same as another one",
    "shadowed": "matches only what another one matches",
}


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from faulted.unknown(facts)
    for one in faulted.faults("bindings", KEY, facts, thresholds):
        yield _found(one)


def _found(one: TopologyFault) -> Found:
    first = one.bindings[0]
    many = formatting.count(one.count, "binding")
    literal = any(fault.what == "literal" for fault in one.bindings)
    return Found(
        KEY,
        Object("exchange", one.name, one.vhost, one.pk),
        "notice",
        f"has {many} without effect",
        summary=f"The binding to {first.binding.destination} with {_shown(first)} {WORDS[first.what]}{f': {_other(first)}' if first.by else ''}.",
        meaning="A queue gets a message once, however many bindings of an exchange match it: these change nothing, or not what they were meant to.",
        evidence=[
            Evidence(f"To {fault.binding.destination}", _shown(fault), source=WORDS[fault.what] + (f", {_other(fault)}" if fault.by else ""))
            for fault in one.bindings
        ],
        causes=[
            Cause("A wildcard counts only as a whole word of a topic exchange’s binding key.")
            if literal
            else Cause("The binding was made again with another key, and the old one was left."),
        ],
        to_do=["Correct the binding, or delete it."],
        links=[Link("Open the exchange", "exchange", one.pk)],
        clears="when these bindings are corrected or deleted",
    )


def _shown(fault: BindingFault) -> str:
    binding = fault.binding
    arguments = ", ".join(f"{name}={shown(value)}" for name, value in sorted(binding.arguments.items()))
    return " and ".join(part for part in (binding.routing_key or ("" if arguments else "no key"), arguments) if part)


def _other(fault: BindingFault) -> str:
    return f"the one with {_shown(BindingFault(fault.by, fault.what))}" if fault.by is not None else ""
