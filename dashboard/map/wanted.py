"""What of the map is shown, as its address has it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec
from django.http import QueryDict

from dashboard.layout.addresses import page_number
from dashboard.layout.map_links import CONSUMERS, EXCHANGE, PUBLISHER, QUEUE, WORKER
from dashboard.map.selection import MOST_HOPS

KINDS: Mapping[str, str] = {EXCHANGE: "Exchanges", QUEUE: "Queues", WORKER: "Worker nodes", CONSUMERS: "Other consumers", PUBLISHER: "Publishers"}
ZOOMS: Mapping[str, str] = {"vhost": "Virtual hosts", "application": "Applications", "object": "Objects"}
OBJECTS = "object"
HOPS_OF_FOCUS, HOPS_OF_TEXT = 2, 1
MOST_OPENED = 50
LONGEST, LONGEST_PATH = 600, 6000


class Wanted(msgspec.Struct, frozen=True):
    """`focus` is "queue:mail" or an id; `hops` None: the usual number. `own`: machinery by itself; `alike`: what looks alike is folded; `opened`: folds
    that are not. `path`: the steps of a message, each the ids of what it reaches at once. `edges`: the table lists edges. `since`:
    of a past moment, with marks on what has changed until now."""

    broker: str = ""
    vhost: str = ""
    text: str = ""
    kind: str = ""
    focus: str = ""
    hops: int | None = None
    zoom: str = OBJECTS
    own: bool = False
    alike: bool = True
    opened: tuple[str, ...] = ()
    path: tuple[tuple[str, ...], ...] = ()
    edges: bool = False
    since: bool = False
    page: int = 1

    @property
    def reach(self) -> int:
        """How many hops around what is looked for are shown."""
        return self.hops if self.hops is not None else HOPS_OF_FOCUS if self.focus else HOPS_OF_TEXT

    @property
    def looks_for(self) -> bool:
        """Whether it shows what is around something."""
        return bool(self.text or self.focus or self.path)

    @property
    def is_narrowed(self) -> bool:
        return self.looks_for or bool(self.kind)

    def changed(self, **changes: object) -> str:
        """The query of the same map with these parts changed, on the first page of its table unless `page` is given; "" of the map of everything.

        >>> Wanted(focus="queue:mail", page=3).changed(hops=1), Wanted(own=True).changed(own=False)
        ('?focus=queue%3Amail&hops=1', '')
        """
        query = urlencode(msgspec.structs.replace(self, **{"page": 1, **changes}).fields())
        return f"?{query}" if query else ""

    def fields(self) -> list[tuple[str, str]]:
        """(name, value) of the parameters that are not as usual."""
        parts = {
            "broker": self.broker,
            "vhost": self.vhost,
            "q": self.text,
            "kind": self.kind,
            "focus": self.focus,
            "hops": "" if self.hops is None else str(self.hops),
            "zoom": "" if self.zoom == OBJECTS else self.zoom,
            "own": "show" if self.own else "",
            "alike": "" if self.alike else "show",
            "open": ",".join(self.opened),
            "path": "~".join(",".join(step) for step in self.path),
            "list": "edges" if self.edges else "",
            "since": "show" if self.since else "",
            "page": "" if self.page == 1 else str(self.page),
        }
        return [(name, value) for name, value in parts.items() if value]


def wanted(query: QueryDict) -> Wanted:
    """What the address names; what it can't mean is left out."""
    zoom, kind = query.get("zoom", ""), query.get("kind", "")
    return Wanted(
        broker=_text(query, "broker"),
        vhost=_text(query, "vhost"),
        text=_text(query, "q").strip(),
        kind=kind if kind in KINDS else "",
        focus=_text(query, "focus"),
        hops=hops_of(query.get("hops")),
        zoom=zoom if zoom in ZOOMS else OBJECTS,
        own=query.get("own") == "show",
        alike=query.get("alike") != "show",
        opened=_ids(query, "open", MOST_OPENED),
        path=_steps(_text(query, "path", LONGEST_PATH)),
        edges=query.get("list") == "edges",
        since=query.get("since") == "show",
        page=page_number(query.get("page")),
    )


def hops_of(text: str | None) -> int | None:
    """A number of hops, at most MOST_HOPS; None where it is none."""
    return min(MOST_HOPS, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 4 else None


def _text(query: QueryDict, name: str, longest: int = LONGEST) -> str:
    return str(query.get(name) or "")[:longest]


def _steps(text: str) -> tuple[tuple[str, ...], ...]:
    """
    >>> _steps("exchange-5~queue-17,queue-18")
    (('exchange-5',), ('queue-17', 'queue-18'))
    """
    steps = (tuple(one for one in step.split(",") if one) for step in text.split("~"))
    return tuple(step for step in steps if step)


def _ids(query: QueryDict, name: str, most: int) -> tuple[str, ...]:
    found = [one for text in query.getlist(name) for one in text.split(",") if one and len(one) < 64]
    return tuple(dict.fromkeys(found))[:most]
