"""What the page of a comparison shows: its form, what differs, and the depths and rates side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, partial
from urllib.parse import urlencode

import msgspec
from django.http import QueryDict
from django.urls import reverse

from brokers.comparison import KINDS, OUTCOMES, Difference, Line
from brokers.errors import NotRecorded
from brokers.figure_comparison import COLUMNS, SORTS, FigureRow, ordered
from brokers.models import Broker
from brokers.queries import Page
from brokers.queries.compared import definitions_recorded_since
from brokers.scope import Scope
from dashboard.comparison.answer import NOT_COMPARED
from dashboard.comparison.figure_text import LABELS, FigureCell, cells
from dashboard.comparison.given import FIELDS, Given, Place
from dashboard.comparison.sides import Side, Sides
from dashboard.layout.addresses import Heading, page_links, page_number
from dashboard.layout.moments import EXAMPLES
from dashboard.layout.virtual_hosts import virtual_hosts

PAGE_SIZE = 50
MOST_OPEN = 10
MARKS = {"added": "+", "missing": "−", "different": "≠"}
KIND_TEXTS = {kind: kind.replace("_", " ").replace("vhost", "virtual host") for kind in KINDS}
_KEPT = (*FIELDS, "what", "kind", "q", "sort")


class Shown(msgspec.Struct, frozen=True):
    """A difference, prepared: `opened` where there is room for all its settings."""

    difference: Difference
    mark: str
    kind: str
    lines: list[Line]
    keys: str
    opened: bool


class _Paged:
    """Links to the pages of one of the two lists."""

    def __init__(self, page: ComparePage, parameter: str) -> None:
        self._page, self._parameter = page, parameter

    def with_(self, **changes: str | int | None) -> str:
        return self._page.address(**{self._parameter: changes["page"]})


class ComparePage:
    """`broker`: the one that the frame’s switcher chose, None for all."""

    def __init__(self, scope: Scope, query: QueryDict, path: str, brokers: Sequence[Broker], broker: Broker | None, now: datetime) -> None:
        self.scope, self.brokers, self.now, self._path = scope, brokers, now, path
        self.given = Given(query, brokers, broker, now, partial(definitions_recorded_since, scope))
        self.kept = {name: str(query.get(name, "")).strip()[:255] for name in _KEPT}
        self.what = self.kept["what"] if self.kept["what"] in OUTCOMES else ""
        self.kind = self.kept["kind"] if self.kept["kind"] in KINDS else ""
        self.sort = self.kept["sort"] if self.kept["sort"].removeprefix("-") in SORTS else "-depth"
        self.not_recorded = ""
        self.page, self.figures_page = page_number(query.get("page")), page_number(query.get("figures_page"))

    @cached_property
    def sides(self) -> Sides | None:
        """None where a parameter is wrong, or nothing is recorded of a side."""
        if self.given.problems:
            return None
        before, after = (Side(self.scope, one.broker, one.vhost, one.at) for one in (self.given.before, self.given.after))
        found = Sides(before, after, self.given.note)
        try:
            _ = found.comparison
        except NotRecorded as error:
            self.not_recorded = str(error)
            return None
        return found

    @property
    def before(self) -> Place | None:
        return getattr(self.given, "before", None)

    @property
    def after(self) -> Place | None:
        return getattr(self.given, "after", None)

    @cached_property
    def found(self) -> list[Difference]:
        """What the filters leave."""
        wanted = self.kept["q"].casefold()
        every = self.sides.comparison.differences if self.sides else ()
        return [one for one in every if self.what in ("", one.what) and self.kind in ("", one.kind) and (not wanted or wanted in one.name.casefold())]

    @cached_property
    def differences(self) -> Page[Shown]:
        page = min(self.page, max(1, -(-len(self.found) // PAGE_SIZE)))
        chosen = self.found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        opened = len(self.found) <= MOST_OPEN
        shown = [Shown(one, MARKS[one.what], KIND_TEXTS[one.kind], one.lines(), ", ".join(one.keys()), opened) for one in chosen]
        return Page(len(self.found), shown, page, PAGE_SIZE)

    @property
    def difference_pages(self) -> dict[str, object]:
        return page_links(_Paged(self, "page"), self.differences)

    @property
    def what_links(self) -> list[tuple[str, int, str, bool]]:
        """(word, how many, address, whether it is the chosen one)."""
        counts = self.sides.comparison.counts() if self.sides else {}
        every = [("all", sum(counts.values()), self.address(what=None), not self.what)]
        return [*every, *((what, counts.get(what, 0), self.address(what=what), self.what == what) for what in OUTCOMES)]

    @property
    def kinds(self) -> list[tuple[str, str, bool]]:
        """(kind, its word, whether it is the chosen one)."""
        return [(kind, KIND_TEXTS[kind], self.kind == kind) for kind in KINDS]

    @cached_property
    def every_figure(self) -> list[FigureRow]:
        rows = (self.sides.figures if self.sides else None) or []
        wanted = self.kept["q"].casefold()
        return ordered((row for row in rows if not wanted or wanted in row.name.casefold()), self.sort)

    @cached_property
    def figures(self) -> Page[tuple[FigureRow, list[FigureCell]]]:
        rows = self.every_figure
        page = min(self.figures_page, max(1, -(-len(rows) // PAGE_SIZE)))
        return Page(len(rows), [(row, cells(row)) for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]], page, PAGE_SIZE)

    @property
    def figure_pages(self) -> dict[str, object]:
        return page_links(_Paged(self, "figures_page"), self.figures)

    @property
    def headings(self) -> list[Heading]:
        return [self._heading("Queue", "name"), *(self._heading(LABELS[column], column, "num") for column in COLUMNS)]

    def _heading(self, words: str, column: str, kind: str = "") -> Heading:
        if self.sort.removeprefix("-") != column:
            return Heading(words, self.address(sort=column if column == "name" else f"-{column}"), "", kind, column)
        descending = self.sort.startswith("-")
        return Heading(words, self.address(sort=column if descending else f"-{column}"), "descending" if descending else "ascending", kind, column)

    @property
    def notes(self) -> list[str]:
        return self.sides.notes if self.sides else []

    not_compared = NOT_COMPARED
    examples = EXAMPLES

    @property
    def vhosts(self) -> list[str]:
        """The names to choose from."""
        return sorted({one.name for broker in self.brokers for one in virtual_hosts(self.scope, broker)})

    @property
    def several_vhosts(self) -> bool:
        return self.before is not None and self.before.vhost is None

    @property
    def form_fields(self) -> list[tuple[str, str, str, str, str]]:
        """(side, prefix of its parameters, broker, virtual host, moment) of both."""
        texts, before, after = self.given.texts, self.before, self.after
        return [
            ("Before", "", before.broker.name if before else texts["broker"], before.vhost or "" if before else texts["vhost"], texts["at"]),
            ("After", "with_", after.broker.name if after else texts["with_broker"], after.vhost or "" if after else texts["with_vhost"], texts["with_at"]),
        ]

    @property
    def download(self) -> str:
        return f"{reverse('compare_download')}?{urlencode({name: text for name, text in self.given.texts.items() if text})}"

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """(side, the address of its definitions as a file)."""
        places = [("before", self.before), ("after", self.after)]
        return [(side, definitions_address(place)) for side, place in places if place is not None]

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """What the form of the filters keeps of the sides."""
        return [(name, text) for name, text in self.kept.items() if text and name in (*FIELDS, "what", "sort")]

    def address(self, **changes: str | int | None) -> str:
        """This page with other filters, from the first page of both lists."""
        parts = {**self.kept, **changes}
        query = urlencode({name: value for name, value in parts.items() if value not in (None, "")})
        return f"{self._path}?{query}" if query else self._path


def definitions_address(place: Place) -> str:
    query = {"broker": place.broker.name, "vhost": place.vhost or "", "at": f"{place.at:%Y-%m-%dT%H:%M:%S}Z"}
    return f"{reverse('definitions')}?{urlencode({name: value for name, value in query.items() if value})}"
