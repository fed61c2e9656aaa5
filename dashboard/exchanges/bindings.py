"""The bindings of one exchange: pages of those out of it and of those into it, searched in the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.models import Binding, Exchange
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.exchanges.row import shown_name
from dashboard.exchanges.text import BindingText, binding_text
from dashboard.layout.addresses import page_links, page_number
from dashboard.layout.formatting import shown
from dashboard.layout.lists import PAGE_SIZE

LONGEST_SEARCH = 255
SEARCHED_FROM = 10  # fewer bindings are read faster than searched
KEPT = ("range", "find", "page", "page_in")


class BoundTo(msgspec.Struct, frozen=True):
    """One binding out of (or into) the exchange; `name` is the object at the other end, `url` its page or ""."""

    name: str
    kind: str  # queue, exchange
    url: str
    text: BindingText
    arguments: str


class BindingPage(msgspec.Struct):
    """`total` counts those that match the search; `pages` are the addresses before and after, as of a list."""

    lines: list[BoundTo]
    page: Any
    pages: dict[str, Any]

    @property
    def total(self) -> int:
        return int(self.page.total)

    @property
    def arguments(self) -> bool:
        """True if one of them has arguments."""
        return any(line.arguments for line in self.lines)


class Bindings:
    """The bindings of one exchange now; `query` is that of the address: `find`, `page`, `page_in`."""

    def __init__(self, scope: Scope, exchange: Exchange, path: str = "", query: Mapping[str, str] | None = None) -> None:
        self._scope, self._exchange, self._path = scope, exchange, path
        self._state = kept.state_of([exchange.broker])
        self._kept = {name: query[name] for name in KEPT if query and query.get(name)}
        self.find = self._kept.get("find", "").strip()[:LONGEST_SEARCH]

    def context(self) -> dict[str, Any]:
        """For the templates: the pages `out` and `into`, how many there are of each, and the search."""
        out = self._page("page", self.find, source=self._exchange.name)
        into = self._page("page_in", "", destination=self._exchange.name, destination_type="exchange") if self._exchange.name else None
        total_out = self._queried("", 1, 1, source=self._exchange.name).total if self.find else out.total
        return {
            "bindings_out": out,
            "bindings_out_count": total_out,
            "bindings_searched": bool(self.find) or total_out >= SEARCHED_FROM,
            "bindings_in": into,
            "bindings_in_count": into.total if into else 0,
            "find": self.find,
            "find_kept": [(name, value) for name, value in self._kept.items() if name == "range"],
            "all_bindings_address": self._with(find=None, page=None),
        }

    def _page(self, parameter: str, text: str, **where: str) -> BindingPage:
        wanted = page_number(self._kept.get(parameter))
        found = self._queried(text, wanted, PAGE_SIZE, **where)
        if not found.items and found.total:
            found = self._queried(text, found.pages, PAGE_SIZE, **where)
        lines = self._out(found.items) if "source" in where else self._into(found.items)
        return BindingPage(lines, found, page_links(_Numbered(self, parameter), found))

    def _queried(self, text: str, page: int, page_size: int, **where: str) -> queries.Page[Binding]:
        exchange = self._exchange
        if exchange.past_at is not None:
            return self._then(text, page, page_size, exchange.past_at, **where)
        return kept.shared(
            self._state, queries.binding_page, self._scope, exchange.broker_id, exchange.vhost, **where, text=text, page=page, page_size=page_size
        )

    def _then(self, text: str, page: int, page_size: int, at: datetime, **where: str) -> queries.Page[Binding]:
        """The same at a past moment."""
        exchange, other = self._exchange, "destination" if "source" in where else "source"
        found = [
            one
            for one in queries.bindings(self._scope, broker=exchange.broker_id, vhost=exchange.vhost, at=at, **where)
            if text.casefold() in f"{getattr(one, other)}\n{one.routing_key}\n{json.dumps(one.arguments)}".casefold()
        ]
        return queries.Page(len(found), found[(page - 1) * page_size : page * page_size], page, page_size)

    def _out(self, bindings: Iterable[Binding]) -> list[BoundTo]:
        bindings, here = list(bindings), (self._scope, self._exchange.broker_id, self._exchange.vhost)
        names = frozenset(one.destination for one in bindings if one.destination_type == "queue")
        queues = kept.shared(self._state, queries.queues_named, *here, names, self._exchange.past_at) if names else {}
        exchanges = self._exchanges(one.destination for one in bindings if one.destination_type == "exchange")
        lines = []
        for one in bindings:
            text = binding_text(self._exchange.type, self._exchange.name, one.routing_key, one.arguments or {})
            known = queues.get(one.destination) if one.destination_type == "queue" else exchanges.get(one.destination, (None, ""))[0]
            url = reverse(one.destination_type, args=[known]) if known else ""
            lines.append(BoundTo(shown_name(one.destination), one.destination_type, url, text, _arguments(one)))
        return lines

    def _into(self, bindings: Iterable[Binding]) -> list[BoundTo]:
        bindings = list(bindings)
        exchanges = self._exchanges(one.source for one in bindings)
        lines = []
        for one in bindings:
            known, kind = exchanges.get(one.source, (None, ""))
            url = reverse("exchange", args=[known]) if known else ""
            lines.append(
                BoundTo(shown_name(one.source), "exchange", url, binding_text(kind, one.source, one.routing_key, one.arguments or {}), _arguments(one))
            )
        return lines

    def _exchanges(self, names: Iterable[str]) -> dict[str, tuple[int, str]]:
        wanted = set(names)
        where = (self._scope, self._exchange.broker_id, self._exchange.vhost)
        return kept.shared(self._state, queries.exchanges_named, *where, frozenset(wanted), self._exchange.past_at) if wanted else {}

    def _with(self, **changes: str | int | None) -> str:
        query = urlencode({name: value for name, value in {**self._kept, **changes}.items() if value not in (None, "")})
        return f"{self._path}?{query}" if query else self._path


class _Numbered:
    """The address with another number of one of the two lists."""

    def __init__(self, bindings: Bindings, parameter: str) -> None:
        self._bindings, self._parameter = bindings, parameter

    def with_(self, **changes: str | int | None) -> str:
        return self._bindings._with(**{self._parameter: changes["page"]})


def _arguments(binding: Binding) -> str:
    """The binding's arguments as text; "" if it has none."""
    return ", ".join(f"{key}: {shown(value)}" for key, value in sorted((binding.arguments or {}).items()))
