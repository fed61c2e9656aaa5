"""The theme of this browser: a cookie, so that the server can draw the page in it from the start."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from dashboard.layout.frame import THEME_COOKIE, THEMES
from dashboard.people.inside import is_inside

A_YEAR_SECONDS = 365 * 86400


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Back to the page with the chosen theme; htmx gets an event for the page that is open."""
    theme = request.POST.get("theme", "")
    if theme not in THEMES:
        return HttpResponseBadRequest(f"theme: expected one of {', '.join(THEMES)}", content_type="text/plain")
    back = request.POST.get("next", "")
    answer: HttpResponse = HttpResponseRedirect(back if is_inside(back, request) else resolve_url("overview"))
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        answer = trigger_client_event(HttpResponse(status=204), "hareline:theme", {"value": theme})
    answer.set_cookie(THEME_COOKIE, theme, max_age=A_YEAR_SECONDS, httponly=True, secure=settings.SESSION_COOKIE_SECURE, samesite="Lax")
    return answer
