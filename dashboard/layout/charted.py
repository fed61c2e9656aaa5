"""What the charts of a page are made of: the stretch of the page's address, the histories of an object for it, and the answer to a request for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from brokers import queries
from brokers.models import Broker
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.layout.chart_csv import csv_lines
from dashboard.layout.chart_ranges import Stretch, links_of, stretch_of
from dashboard.layout.charts import Chart

BAND_SECONDS = 60
"""Points so far apart, and further, have a band around them."""


class Histories(msgspec.Struct, frozen=True):
    """An object's numbers over a stretch; `before`: at the earlier time that the page compares with, None without one; `band`: the least and the most
    within each step, where a step stands for many polls."""

    history: queries.History
    before: queries.History | None = None
    band: queries.HistoryBands | None = None


def chosen_stretch(
    query: Mapping[str, str], now: datetime, broker: Broker, kind: str, *, first_seen_at: datetime | None = None, end: datetime | None = None
) -> Stretch:
    """What the address chooses; it begins no earlier than snapshots of this kind, nor than the object was first seen."""
    since = kept.shared(kept.state_of([broker]), queries.kind_recorded_since, broker.pk, kind)
    return stretch_of(query, now, since=since if since is None or first_seen_at is None else max(since, first_seen_at), end=end)


def histories_of(scope: Scope, broker: Broker, kind: str, pk: int, metrics: Sequence[str], shown: Stretch, banded: Sequence[str] = ()) -> Histories:
    """What viewers share, where it goes on with the clock. `banded`: the metrics whose extremes are read too."""
    where, step = (scope, broker.pk, kind, pk, tuple(metrics)), shown.step_seconds
    if shown.follows:
        history = kept.shared(kept.state_of([broker]), queries.history_until_now, *where, shown.seconds, step)
    else:
        history = queries.history(*where, shown.start, shown.end, step)
    by = shown.compared.by if shown.compared else timedelta()
    has_band = banded and step >= BAND_SECONDS
    band = queries.history_bands(scope, broker.pk, kind, pk, banded, shown.start, shown.end, step) if has_band else None
    return Histories(history, queries.history(*where, shown.start - by, shown.end - by, step) if by else None, band)


def chart_context(request: HttpRequest, charts: Sequence[Chart], shown: Stretch) -> dict[str, Any]:
    """The context of `components/_charts.html`."""
    return {"charts": charts, "chart_links": links_of(request.path, request.GET.dict(), shown)}


def charts_answer(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The part "charts" from a context with `charts`; with `?csv=` the figures of the chart with that key."""
    key = request.GET.get("csv")
    if key is None:
        return render(request, template, context)
    wanted: Chart | None = next((one for one in context["charts"] if one.key == key), None)
    if wanted is None:
        raise Http404("This page has no such chart.")
    answer = HttpResponse("".join(csv_lines(wanted)), content_type="text/csv; charset=utf-8")  # of 288 points at most
    answer["Content-Disposition"] = f'attachment; filename="{key}-{wanted.shown.start:%Y%m%dT%H%M%SZ}-{wanted.shown.end:%Y%m%dT%H%M%SZ}.csv"'
    return answer
