"""What shovels and federation move into and out of a queue or an exchange: arrows with the other end, whose address is masked.

Pure. An address without a host, or with that of one of the broker's own addresses, is this broker.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from brokers.masked_addresses import LOCAL_HOSTS, host_of, vhost_of
from brokers.routing.patterns import Patterns
from brokers.stats import LINK, SHOVEL, SHOVEL_STATUS, UPSTREAM, UPSTREAM_SET

LEVELS = {"running": "ok", "starting": "warning", "flow": "notice", "idle": "ok", "terminated": "critical", "error": "critical", "shutdown": "warning"}
NEEDS_POLICYMAKER = "unknown upstreams: Hareline’s user needs the tag policymaker to list them"


class TransferFacts(Protocol):
    vhost: str
    kind: str
    name: str
    facts: Mapping[str, Any]


class Arrow(msgspec.Struct, frozen=True):
    """`direction` is in or out; `other` names the other end; `level` is a word of `dashboard.layout.levels` and `state` what the broker calls it.
    `queue` and `exchange`: the other end where it is in the same virtual host, for a link."""

    direction: str
    by: str
    other: str
    state: str
    level: str
    queue: str = ""
    exchange: str = ""


class Place(msgspec.Struct, frozen=True):
    """The object that the arrows belong to: `kind` is queue or exchange; `hosts` are those of its broker; `policy` the definition in force."""

    kind: str
    name: str
    vhost: str
    hosts: Collection[str] = ()
    policy: Mapping[str, Any] = {}


def arrows(place: Place, transfers: Iterable[TransferFacts]) -> list[Arrow]:
    """Shovels first, then federation, each by name. `transfers`: those of the whole broker, since a shovel may join two virtual hosts."""
    found: dict[str, dict[tuple[str, str], TransferFacts]] = {}
    links = []
    for one in transfers:
        found.setdefault(one.kind, {})[one.vhost, one.name] = one
        if one.kind == LINK and one.vhost == place.vhost:
            links.append(one)
    upstreams, sets = ({name: one for (vhost, name), one in found.get(kind, {}).items() if vhost == place.vhost} for kind in (UPSTREAM, UPSTREAM_SET))
    return [*_shovels(place, found.get(SHOVEL, {}), found.get(SHOVEL_STATUS, {})), *_federation(place, upstreams, sets, links)]


def _shovels(place: Place, defined: Mapping[tuple[str, str], TransferFacts], running: Mapping[tuple[str, str], TransferFacts]) -> Iterator[Arrow]:
    for home, name in sorted(defined.keys() | running.keys()):
        status = running.get((home, name))
        facts = (defined.get((home, name)) or running[home, name]).facts
        state = str(status.facts.get("state") or "") if status else ""
        for end, other, direction in (("src", "dest", "out"), ("dest", "src", "in")):
            here, there = facts.get(end) or {}, facts.get(other) or {}
            if here.get(place.kind) == place.name and place.name and _local_vhost(place, here, home) == place.vhost:
                vhost = _local_vhost(place, there, home)
                where = str(there.get("address") or "") if vhost is None else "" if vhost == place.vhost else f"virtual host {vhost}"
                linked = {kind: str(there.get(kind) or "") for kind in ("queue", "exchange")} if vhost == place.vhost else {}
                yield Arrow(direction, f"shovel {name}", end_text(there, where), state or "state unknown", LEVELS.get(state, "unknown"), **linked)


def _local_vhost(place: Place, end: Mapping[str, Any], home: str) -> str | None:
    """The virtual host of an end that is in this broker, by default that of the shovel; None for one elsewhere, or unknown."""
    address = str(end.get("address") or "amqp://")
    return (vhost_of(address) or home) if host_of(address) in LOCAL_HOSTS | set(place.hosts) else None


def end_text(end: Mapping[str, Any], where: str) -> str:
    """The other end; `where` it is, "" for the same virtual host."""
    if end.get("queue"):
        text = f"queue {end['queue']}"
    elif end.get("exchange"):
        text = f"exchange {end['exchange']}" + (f", key {end['key']}" if end.get("key") else "")
    elif end.get("place"):
        text = str(end["place"])
    else:
        text = f"the default exchange, key {end['key']}" if end.get("key") else "the exchange and key of each message"
    return f"{text} at {where}" if where else text


def _federation(place: Place, upstreams: Mapping[str, TransferFacts], sets: Mapping[str, TransferFacts], links: Iterable[TransferFacts]) -> list[Arrow]:
    """An arrow for each upstream that the policy names or a link runs from."""
    mine = {link.name: link.facts for link in links if link.facts.get("kind") == place.kind and link.facts.get("object") == place.name}
    wanted, found = _wanted(place.policy, upstreams, sets), []
    for name in sorted({*wanted, *mine}):
        link, upstream = mine.get(name, {}), upstreams[name].facts if name in upstreams else {}
        state, address = str(link.get("state") or ""), str(upstream.get("address") or link.get("address") or "")
        there = wanted.get(name) or upstream.get(place.kind) or link.get("there") or place.name
        text = f"{place.kind} {there}" + (f" at {address}" if address else "")
        found.append(Arrow("in", f"federation upstream {name}", text, state or "no link", LEVELS.get(state, "unknown")))
    if not found and _is_federated(place.policy):
        found.append(Arrow("in", "federation", NEEDS_POLICYMAKER, "unknown", "unknown"))
    return found


def _is_federated(policy: Mapping[str, Any]) -> bool:
    return any(str(key).startswith("federation-upstream") for key in policy)


def _wanted(policy: Mapping[str, Any], upstreams: Mapping[str, TransferFacts], sets: Mapping[str, TransferFacts]) -> dict[str, str]:
    """{upstream: the name that a set gives the object there, or ""} of a policy; a set that is called "all" has every upstream."""
    named = policy.get("federation-upstream")
    if isinstance(named, str):
        return {named: ""}
    chosen = policy.get("federation-upstream-set")
    if chosen == "all":
        return dict.fromkeys(upstreams, "")
    if isinstance(chosen, str) and chosen in sets:
        members = sets[chosen].facts.get("members") or ()
        return {str(one["upstream"]): str(one.get("exchange") or one.get("queue") or "") for one in members}
    pattern = policy.get("federation-upstream-pattern")
    if isinstance(pattern, str):
        patterns = Patterns()
        return {name: "" for name in upstreams if patterns.found_in(pattern, name)}
    return {}
