"""Requests with `?at=`: the moment is parsed here, once for every page, and carried through what is answered.

A moment that can't be shown is an error page with status 400 that names the field; a page without history says so; what acts is refused with 409.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from brokers import queries
from brokers.errors import NotRecorded
from dashboard.api import error_answers
from dashboard.layout.carried_moment import carried, with_moment
from dashboard.layout.moments import AT, NoSuchMoment, at_text, past_moment
from dashboard.people.access import scope_of

WITH_HISTORY = frozenset(
    {
        "overview", "queues", "queue", "exchanges", "exchange", "workers", "worker", "tasks", "task", "findings", "finding", "routing", "find", "history",
        "glossary", "keyboard", "map", "map_export",
    }
)  # fmt: skip
"""The names of the addresses whose pages can show a past moment, and of those that are the same at any."""
OF_THEIR_OWN = frozenset(
    {"statistics_name", "compare", "compare_download", "definitions", "changes", "change", "balance", "healthz", "readyz", "metrics", "feed"}
)
"""Where `at` means something else, such as the moment before and after which two averages are compared, or nothing."""
ANSWERS_ITSELF = frozenset({"routing"})
"""Whose form has the moment as a field, and says what is wrong with it."""
ALWAYS = ("theme", "account_logout")
"""What a person may do from any moment."""
NOW = "now"


class AtAMoment:
    """The middleware. `request.moment` is the past moment of a page, None: now."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.moment = None  # type: ignore[attr-defined]
        response = self.answer(request)
        at: datetime | None = request.moment  # type: ignore[attr-defined]
        return response if at is None else _with_moment(response, at)

    def process_view(self, request: HttpRequest, view: Any, arguments: Any, keywords: Any) -> HttpResponseBase | None:
        """An answer in place of the view's, where that can't answer for the moment; None else."""
        name = request.resolver_match.url_name if request.resolver_match else None
        text = request.GET.get(AT, "").strip()
        stranger = not (request.user.is_authenticated or getattr(request, "viewed_by_stranger", False))
        if not text or name is None or name in OF_THEIR_OWN or stranger or error_answers.is_call(request):
            return None
        if request.method not in ("GET", "HEAD") and name not in ANSWERS_ITSELF:
            return None if name in ALWAYS else render(request, "history/refused.html", status=409)
        scope, now = scope_of(request.user), timezone.now()
        first = queries.first_recorded(scope)
        try:
            at = (queries.last_recorded(scope) or now) if text == NOW else past_moment(text, now, first)
        except NoSuchMoment as error:
            if name in ANSWERS_ITSELF:
                return None
            return render(request, "history/no_such_moment.html", {"problem": str(error), "text": text[:100]}, status=400)
        if text != at_text(at) and name not in ANSWERS_ITSELF:
            return HttpResponseRedirect(address_at(request, at))
        request.moment, request.first_moment = at, first  # type: ignore[attr-defined]
        return None if name in WITH_HISTORY else render(request, "history/no_history.html")

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What was not recorded is a page that says so, not an error."""
        at: datetime | None = request.moment  # type: ignore[attr-defined]
        if at is None or not isinstance(error, NotRecorded):
            return None
        before, after = queries.recorded_beside(scope_of(request.user), at)
        beside = {"before_address": before and address_at(request, before), "after_address": after and address_at(request, after)}
        return render(request, "history/not_recorded.html", {"problem": str(error), "before": before, "after": after, **beside})


def address_at(request: HttpRequest, at: datetime | str | None) -> str:
    """The address of the requested page at another moment; None: now."""
    query = request.GET.copy()
    query.pop(AT, None)
    query.pop("part", None)
    if at is not None:
        query[AT] = at if isinstance(at, str) else at_text(at)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _with_moment(response: HttpResponseBase, at: datetime) -> HttpResponseBase:
    text, always = at_text(at), [reverse(name) for name in ALWAYS]
    if "Location" in response.headers and not urlsplit(response.headers["Location"]).netloc:
        response.headers["Location"] = with_moment(response.headers["Location"], text)
    if isinstance(response, HttpResponse) and response.headers.get("Content-Type", "").startswith("text/html"):
        html = response.content.decode(response.charset)
        response.content = carried(html, text, always, settings.STATIC_URL).encode(response.charset)
    return response
