"""Where the links of a finding lead: pages of objects by their primary key, lists by their filter."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from dashboard.findings.rule import Link
from dashboard.models import Finding

OBJECTS = ("queue", "exchange", "worker", "connection", "node")
"""Kinds with a page each, and an address of that name."""
LISTS = {"queues", "exchanges", "connections", "workers", "tasks", "failures", "overview", "periodic"}


def address_of(link: Link, finding: Finding) -> str:
    """The address of a link; "" where it leads nowhere (a page of an object without a key)."""
    if link.kind in OBJECTS:
        return reverse(link.kind, args=[link.pk]) if link.pk is not None else ""
    if link.kind in ("about", "targets"):
        return reverse(link.kind)
    place = place_of(finding)
    if link.kind == "why":
        return f"{reverse('routing')}?{'&'.join(part for part in (urlencode(place), link.query) if part)}"
    query = urlencode(place | ({"q": link.query} if link.query else {}))
    return f"{reverse(link.kind)}?{query}" if query else reverse(link.kind)


def place_of(finding: Finding) -> dict[str, str]:
    """Broker and virtual host, as an address has them."""
    place = {"broker": finding.broker.name if finding.broker else "", "vhost": finding.vhost}
    return {name: value for name, value in place.items() if value}


def address_of_object(finding: Finding) -> str:
    """The page of what it is about, "" where that has none."""
    return reverse(finding.kind, args=[finding.object_id]) if finding.kind in OBJECTS and finding.object_id is not None else ""
