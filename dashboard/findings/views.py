"""The findings page, a finding's own page, and their parts: a list beside the finding that is chosen."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard import queries
from dashboard.findings.completion import finding_values
from dashboard.findings.detail_page import FindingPage
from dashboard.findings.filter import QUALIFIERS
from dashboard.findings.list_page import FindingList
from dashboard.layout.addresses import ListAddress
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page

LIST_PARTS, FINDING_PARTS = ("list", "checked", "quiet"), ("finding", "chart", "past")


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The list, with the worst finding beside it where there is room; with `?part=` one of its parts."""
    listed = list_of(request)
    part = request.GET.get("part")
    if part == "menu":
        return render(request, "components/_findings_link.html", {"page": next(one for one in shell_of(request).pages if one.icon == "alert-octagon")})
    if part == "completion":
        return completions(request, QUALIFIERS, finding_values(listed))
    if part in LIST_PARTS:
        return render(request, f"findings/_{part}.html", {"list": listed, "now": listed.now, **listed.lists()})
    worst = queries.finding(listed.scope, listed.open[0].pk, listed.at) if listed.open else None
    return shown(request, listed, FindingPage(listed.scope, request.user, worst, listed.now, listed.at) if worst else None, is_list=True)


@one_moment()
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One finding, with the list beside it where there is room; with `?part=` one of its parts."""
    shell = shell_of(request)
    scope = shell.scope
    finding = queries.finding(scope, pk, shell.at)
    if finding is None:
        raise shell.missing(queries.finding(scope, pk), "There is no such finding, or it was over so long ago that it was deleted.")
    one = FindingPage(scope, request.user, finding, shell.now, shell.at)
    part = request.GET.get("part")
    if part in FINDING_PARTS:
        return render(request, f"findings/_{part}.html", {"page": one, "finding": finding, "now": one.now})
    listed = list_of(request)
    if part in LIST_PARTS:
        return render(request, f"findings/_{part}.html", {"list": listed, "now": listed.now, "page_of": pk, **listed.lists()})
    return shown(request, listed, one)


def list_of(request: HttpRequest) -> FindingList:
    shell = shell_of(request)
    address = ListAddress(request.path, request.GET)
    return FindingList(shell.scope, address, shell.brokers, shell.broker, shell.vhost, shell.now, shell.at)


def shown(request: HttpRequest, listed: FindingList, one: FindingPage | None, is_list: bool = False, status: int = 200) -> HttpResponse:
    """The whole page. `is_list`: on a phone the list is what it shows, else the finding."""
    lists = listed.lists()
    chosen = {"one": one, "finding": one.finding if one else None, "page_of": one.finding.pk if one else None, "is_list": is_list}
    live = live_page(listed.topics, brokers=shell_of(request).brokers, scope=listed.scope)
    return render(request, "findings/index.html", {"list": listed, "now": listed.now, **lists, **chosen, **live}, status=status)
