"""The list of groups of failures, a group's own page, and what people do with it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from brokers.queries.one_moment import one_moment
from dashboard.failures import acts
from dashboard.failures.detail_page import TREND, FailurePage
from dashboard.failures.filter import QUALIFIERS
from dashboard.failures.list_page import FailureList
from dashboard.layout.addresses import ListAddress
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from workers import queries

PARTS = ("head", "figures", "sample", "recent", "events")


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only one of its fragments."""
    shell = shell_of(request)
    listed = FailureList(shell.scope, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, timezone.now())
    part = request.GET.get("part")
    if part == "completion":
        return completions(request, QUALIFIERS, listed.values)
    if part == "table":
        return render(request, "failures/_table.html", {"list": listed, "now": listed.now})
    return render(request, "failures/index.html", {"list": listed, "now": listed.now, **live_page(listed.topics, brokers=shell.brokers, scope=shell.scope)})


@one_moment()
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One group, or with `?part=` one of its panels."""
    shown = _page_of(request, pk)
    part = request.GET.get("part")
    if part in PARTS:
        return render(request, f"failures/_{part}.html", {"page": shown, "now": shown.now})
    return _whole(request, shown)


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Resolves it, reopens it, or adds a comment; a comment that can't be stored comes back with the reason beside it. `do` of the form goes before the
    action of the address, since its buttons share one text."""
    action = request.POST.get("do") or action
    if action not in acts.ACTIONS:
        raise Http404("There is no such action.")
    shown, text = _page_of(request, pk), request.POST.get("text", "")
    problem = "" if shown.why_not else acts.comment_problem(action, text)
    if problem:
        with one_moment():
            shown.comment, shown.comment_problem = text, problem
            return _whole(request, shown, status=422)
    if acts.act(request.user, shown.found, action, shown.now, text):
        raise PermissionDenied
    return redirect("failure", pk=pk)


def _page_of(request: HttpRequest, pk: int) -> FailurePage:
    scope, now = shell_of(request).scope, timezone.now()
    found = queries.failure(scope, pk, now - TREND)
    if found is None:
        raise Http404("There is no such group of failures any more, or you may not see it.")
    return FailurePage(scope, request.user, found, now)


def _whole(request: HttpRequest, shown: FailurePage, status: int = 200) -> HttpResponse:
    live = live_page(shown.topics, brokers=shell_of(request).brokers, scope=shown.scope)
    return render(request, "failures/detail.html", {"page": shown, "now": shown.now, **live}, status=status)
