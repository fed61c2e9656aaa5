"""Looking at the first messages of a queue: the question before it, and what was seen."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from brokers import queries
from dashboard.people.access import scope_of
from dashboard.queues.peek_page import PeekPage


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """What it would change; posted: the messages, which are given back."""
    scope = scope_of(request.user)
    queue = queries.queue_by_id(scope, pk)
    if queue is None:
        raise Http404("There is no such queue, and there never was one with this number.")
    asked = request.POST if request.method == "POST" else request.GET
    shown = PeekPage(scope, request.user, queue, asked.get("count"), timezone.now())
    status = shown.look() if request.method == "POST" else 200
    return render(request, "peek/index.html", {"page": shown, "queue": queue, "now": shown.now, "topics": shown.topics}, status=status)
