"""What the finder found: as lines of its list, or as a page where no script runs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.finder.found import EACH, EACH_OF_A_PAGE, find
from dashboard.layout.fragments import vary_on_htmx
from dashboard.layout.frame import shell_of

LONGEST_TEXT = 255


@vary_on_htmx
@one_moment()
def found(request: HttpRequest) -> HttpResponse:
    """What matches `q`, and how much there is."""
    shell = shell_of(request)
    template, each = ("finder/_lines.html", EACH) if request.htmx else ("finder/page.html", EACH_OF_A_PAGE)  # type: ignore[attr-defined]  # set by django_htmx's middleware
    return render(request, template, {"finding": find(shell.scope, request.GET.get("q", "")[:LONGEST_TEXT], shell.now, each)})
