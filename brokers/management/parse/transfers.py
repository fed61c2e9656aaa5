"""Shovels and federation: what is defined (`/api/parameters`) and what runs (`/api/shovels`, `/api/federation-links`), with addresses masked.

Nothing else of a definition is passed on: its addresses hold passwords, and the texts of errors may repeat them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brokers.management.parse.values import Loose, decoded, table, text
from brokers.masked_addresses import masked
from brokers.stats import LINK, SHOVEL, SHOVEL_STATUS, UPSTREAM, UPSTREAM_SET, TransferStats

_COMPONENTS = {"shovel": SHOVEL, "federation-upstream": UPSTREAM, "federation-upstream-set": UPSTREAM_SET}


def parameters(body: bytes) -> list[TransferStats]:
    """The definitions among a broker's runtime parameters; other components are left out."""
    found = []
    for seen in decoded(body, list[dict[str, Any]]):
        kind, vhost, name = _COMPONENTS.get(text(seen.get("component"))), text(seen.get("vhost")), text(seen.get("name"))
        if kind and vhost and name:
            facts = {"members": _members(seen.get("value"))} if kind == UPSTREAM_SET else _facts(kind, _pairs(seen.get("value")))
            found.append(TransferStats(vhost, kind, name, facts))
    return found


def shovels(body: bytes) -> list[TransferStats]:
    """The shovels that run or tried to."""
    found = []
    for seen in decoded(body, list[dict[str, Any]]):
        vhost, name = text(seen.get("vhost")), text(seen.get("name"))
        if vhost and name:
            ends = {key.replace("_", "-"): value for key, value in seen.items()}
            found.append(TransferStats(vhost, SHOVEL_STATUS, name, {**_facts(SHOVEL, ends), "state": text(seen.get("state"))}))
    return found


def federation_links(body: bytes) -> list[TransferStats]:
    """The links of federated queues and exchanges, each named after its upstream."""
    found = []
    for seen in decoded(body, list[dict[str, Any]]):
        vhost, name = text(seen.get("vhost")), text(seen.get("upstream"))
        kind = "queue" if text(seen.get("queue")) else "exchange"
        if vhost and name and text(seen.get(kind)):
            facts = {"kind": kind, "object": text(seen[kind]), "there": text(seen.get(f"upstream_{kind}")), "state": text(seen.get("status"))}
            found.append(TransferStats(vhost, LINK, name, {**facts, "address": masked(seen.get("uri"))}))
    return found


def _facts(kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    if kind == UPSTREAM:
        return {"address": masked(value.get("uri")), "exchange": text(value.get("exchange")), "queue": text(value.get("queue"))}
    return {end: _end(value, end) for end in ("src", "dest")}


def _end(value: Mapping[str, Any], end: str) -> dict[str, str]:
    """One end of a shovel: a queue, or an exchange with a key, or an AMQP 1.0 address that is shown as it is unless it is one of a network."""
    place = text(value.get(f"{end}-address"))
    return {
        "address": masked(value.get(f"{end}-uri")),
        "queue": text(value.get(f"{end}-queue")),
        "exchange": text(value.get(f"{end}-exchange")),
        "key": text(value.get(f"{end}-exchange-key")),
        "place": masked(place) if "://" in place else place,
    }


def _members(value: Loose) -> list[dict[str, str]]:
    """The upstreams of a set, each perhaps with the name of its own exchange or queue."""
    listed = [_pairs(member) for member in value] if isinstance(value, list) else []
    return [{name: text(member.get(name)) for name in ("upstream", "exchange", "queue")} for member in listed if text(member.get("upstream"))]


def _pairs(value: Loose) -> dict[str, Any]:
    """A table, also where it comes as a list of pairs."""
    if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in value):
        return {pair[0]: pair[1] for pair in value}
    return table(value)
