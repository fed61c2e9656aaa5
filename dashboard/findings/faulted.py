"""What the rules about topologies share: the faults of one kind, and that none can be assessed while a topology is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.findings.topology_faults import TopologyFault, What


def unknown(facts: Facts) -> Iterator[Unsure]:
    """None can be assessed while topologies are not known."""
    if facts.topology_faults is None:
        yield Unsure("the topology is not known yet")
    for one in facts.topology_faults or ():
        if one.what == "unknown":
            yield Unsure("its topology can't be looked at", vhost=one.vhost)


def faults(what: What, rule: str, facts: Facts, thresholds: Thresholds) -> Iterator[TopologyFault]:
    """Those that the rule `rule` reports now."""
    for one in facts.topology_faults or ():
        if one.what == what and not thresholds.is_off(rule, one.vhost, one.name):
            yield one
