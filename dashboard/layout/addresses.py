"""A list's address: its filter, sort and page, and the links that change one of them and keep the rest. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
from django.http import QueryDict
from django.urls import reverse

KEPT = ("broker", "vhost", "q", "sort", "own", "range", "group", "view", "columns")


class Heading(msgspec.Struct, frozen=True):
    """A column: `aria_sort` is ascending, descending or ""; `address` sorts by it, "" where that is not possible."""

    words: str
    address: str = ""
    aria_sort: str = ""
    kind: str = ""  # "num" for figures
    key: str = ""


class ListAddress:
    """The parts of an address, and links from there."""

    def __init__(self, path: str, query: QueryDict) -> None:
        self.path = path
        self.kept: dict[str, str] = {name: str(query[name]) for name in KEPT if query.get(name)}
        if "columns" in self.kept:  # a form of checkboxes has each by itself
            self.kept["columns"] = ",".join(query.getlist("columns"))
        self.kept.pop("q", None)
        if filter_text := " ".join(part.strip() for part in query.getlist("q") if part.strip()):
            self.kept["q"] = filter_text
        self.page = page_number(query.get("page"))
        self.after, self.before = str(query.get("after") or ""), str(query.get("before") or "")  # cursors, of lists that have them

    @classmethod
    def at(cls, path: str, other: ListAddress) -> ListAddress:
        """Another page with what that list keeps."""
        there = cls(path, QueryDict())
        there.kept = dict(other.kept)
        return there

    @property
    def filter_text(self) -> str:
        return self.kept.get("q", "")

    def with_(self, **changes: str | int | None) -> str:
        """The address with these parts changed, None and "" taken out; it leads to the first page unless `page` is given."""
        parts: Mapping[str, str | int | None] = {**self.kept, **changes}
        query = urlencode({name: value for name, value in parts.items() if value not in (None, "")})
        return f"{self.path}?{query}" if query else self.path

    @property
    def completion(self) -> str:
        """Where the completions of the filter are."""
        return self.with_(part="completion")

    def sort(self, allowed: Sequence[str], default: str) -> str:
        """The sort of the address, `default` where there is none or it is not allowed."""
        sort = self.kept.get("sort", "")
        return sort if sort.removeprefix("-") in allowed else default

    def heading(self, words: str, field: str, now: str, kind: str = "", descending_first: bool = False) -> Heading:
        """The heading of a column that sorts by `field`; again: in the opposite order."""
        if now.removeprefix("-") == field:
            turned = field if now.startswith("-") else f"-{field}"
            return Heading(words, self.with_(sort=turned), "descending" if now.startswith("-") else "ascending", kind, field)
        return Heading(words, self.with_(sort=f"-{field}" if descending_first else field), "", kind, field)


def tasks_address(broker: str, vhost: str, filter_text: str) -> str:
    """The list of tasks of a virtual host, narrowed by a filter."""
    return f"{reverse('tasks')}?{urlencode({'broker': broker, 'vhost': vhost, 'q': filter_text})}"


def statistics_address(broker: str, vhost: str, *, name: str | None = None, queue: str | None = None) -> str:
    """The statistics of a task name or a queue of a virtual host; "" where both are unknown."""
    known = {key: value for key, value in (("name", name), ("queue", queue)) if value}
    return f"{reverse('statistics_name')}?{urlencode({'broker': broker, 'vhost': vhost, **known})}" if known else ""


def page_number(text: str | None) -> int:
    """The number of a page in an address; 1 for anything else, also for more digits than there can be pages."""
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) <= 9 else 1


class Paged(Protocol):
    """What can link to another page of a list."""

    def with_(self, **changes: str | int | None) -> str: ...


def page_links(address: Paged, page: Any) -> dict[str, Any]:
    """Which rows of all a page (of `brokers.queries`) shows, and the addresses before and after it, "" at an end."""
    first = (page.page - 1) * page.page_size + 1
    return {
        "first": first,
        "last": first + len(page.items) - 1,
        "previous": address.with_(page=page.page - 1) if page.page > 1 else "",
        "next": address.with_(page=page.page + 1) if page.page < page.pages else "",
    }
