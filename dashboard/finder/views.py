"""What the finder found, as lines of its list."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.finder.found import find
from dashboard.people.access import scope_of

LONGEST_TEXT = 255


@one_moment()
def lines(request: HttpRequest) -> HttpResponse:
    """The lines for `q`, and how many there are."""
    return render(request, "finder/_lines.html", {"finding": find(scope_of(request.user), request.GET.get("q", "")[:LONGEST_TEXT])})
