"""The page "Why": where a message or a task would go. Everything stands in the address; nothing is sent."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.access import scope_of
from dashboard.pages.routing.page import RoutingPage
from dashboard.shell import Shell


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The form, and the story of what it describes; 422 if that can't be read."""
    shell = Shell(request)
    shown = RoutingPage(scope_of(request.user), shell.brokers, shell.broker, shell.vhost, request.GET.dict(), timezone.now())
    status = 200 if shown.answer() else 422
    return render(request, "routing/index.html", {"page": shown, "now": shown.now, "topics": shown.topics}, status=status)
