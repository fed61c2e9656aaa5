"""The page "Why": where a message or a task would go. Nothing is sent. The question is in the address, except a message as JSON, which may be long."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from dashboard.layout import posted
from dashboard.layout.frame import shell_of
from dashboard.why.page import RoutingPage
from dashboard.why.turns import in_turn
from dashboard.why.warm import WARMER


@csrf_exempt  # checked by _answered, once the body is known to be small enough
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The form and its answer; 422 if the question is invalid, 413 if it is too large."""
    too_large = posted.too_large(request)
    if not too_large:
        return _answered(request)
    shown = _page(request, {"of": "existing"})
    shown.form.problems["pasted"] = [f"{too_large}. Paste the message without its body: exchange, routing key and headers are enough."]
    return _rendered(request, shown, 413)


def _explains(request: HttpRequest) -> bool:
    """Whether there is a question, and not only the form of one."""
    return request.method == "POST" or not request.GET.keys() <= {"broker", "vhost", "of"}


@in_turn(_explains)
@csrf_protect
def _answered(request: HttpRequest) -> HttpResponse:
    shown = _page(request, {**request.GET.dict(), **request.POST.dict()})
    return _rendered(request, shown, 200 if shown.answer() else 422)


def _page(request: HttpRequest, query: dict[str, str]) -> RoutingPage:
    shell = shell_of(request)
    brokers, broker = shell.of_now  # the question itself reads the past
    return RoutingPage(shell.scope, brokers, broker, shell.vhost, query, timezone.now())


def _rendered(request: HttpRequest, shown: RoutingPage, status: int) -> HttpResponse:
    WARMER.notice()  # a first question may follow the form
    return render(request, "why/index.html", {"page": shown, "now": shown.now, "topics": shown.topics}, status=status)
