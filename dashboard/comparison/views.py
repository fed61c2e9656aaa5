"""The pages of a comparison and of balances, and as files the result of a comparison and the definitions of a recorded moment."""

from __future__ import annotations

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from brokers.errors import NotRecorded
from brokers.queries.one_moment import one_moment
from dashboard.comparison.answer import whole
from dashboard.comparison.balance_page import BalancePage
from dashboard.comparison.compare_page import ComparePage
from dashboard.comparison.definitions import Unavailable, definitions_of
from dashboard.layout.frame import shell_of


@require_safe
@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """Two sides, what differs, and their depths and rates."""
    return render(request, "comparison/compare.html", {"page": _compared(request)})


@require_safe
@one_moment()
def download(request: HttpRequest) -> HttpResponse:
    """Everything that differs, as JSON."""
    shown = _compared(request)
    if shown.sides is None:
        raise Http404(shown.not_recorded or " ".join(shown.given.problems.values()))
    sides = shown.sides
    found = whole(sides.before.as_json(), sides.after.as_json(), sides.comparison, sides.figures, sides.notes)
    return _file(found, "hareline-comparison.json")


@require_safe
@one_moment()
def balance(request: HttpRequest) -> HttpResponse:
    """What left the queues, or came in, without a counter that explains it."""
    shell = shell_of(request)
    shown = BalancePage(shell.scope, request.GET, request.path, shell.brokers, shell.broker, shell.vhost, timezone.now())
    return render(request, "comparison/balance.html", {"page": shown})


@require_safe
@one_moment()
def definitions(request: HttpRequest) -> HttpResponse:
    """The definitions of a broker or a virtual host at a moment, in the form that RabbitMQ imports."""
    shell = shell_of(request)
    given = {name: request.GET.get(name, "") for name in ("broker", "vhost", "at")}
    try:
        found = definitions_of(shell.scope, given, shell.brokers, shell.broker, timezone.now())
    except (NotRecorded, Unavailable) as error:
        raise Http404(str(error)) from error
    return _file(found, "hareline-definitions.json")


def _compared(request: HttpRequest) -> ComparePage:
    shell = shell_of(request)
    return ComparePage(shell.scope, request.GET, request.path, shell.brokers, shell.broker, timezone.now())


def _file(content: object, name: str) -> HttpResponse:
    response = HttpResponse(msgspec.json.format(msgspec.json.encode(content), indent=2), content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
