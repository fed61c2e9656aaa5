"""Peeking at the first messages of a queue: the confirmation, and the messages."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from brokers import queries
from dashboard.layout.frame import shell_of
from dashboard.queues.peek_page import PeekPage


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The confirmation; on POST, the messages, which are requeued."""
    scope = shell_of(request).scope
    queue = queries.queue_by_id(scope, pk)
    if queue is None:
        raise Http404("No queue has this id.")
    parameters = request.POST if request.method == "POST" else request.GET
    shown = PeekPage(scope, request.user, queue, parameters.get("count"), timezone.now())
    status = shown.peek() if request.method == "POST" else 200
    return render(request, "queues/peek.html", {"page": shown, "queue": queue, "now": shown.now, "topics": shown.topics}, status=status)
