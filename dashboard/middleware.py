"""What no cache keeps, health checks before anything else, login on everything but the few open addresses, and names without invisible characters."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone

from dashboard import queries, store
from dashboard.api import error_answers
from dashboard.layout.fragments import vary_on_htmx
from dashboard.layout.visible_markup import visible_markup
from dashboard.people import origin
from dashboard.people.browsers import client_of
from dashboard.people.origin import Origin

Next = Callable[[HttpRequest], HttpResponseBase]

HEALTH = ("/healthz", "/readyz")
OPEN = frozenset({"/healthz", "/readyz", "/favicon.ico", "/login/", "/logout/", "/2fa/authenticate/", "/invitation/", "/findings/feed.atom"})
"""What a stranger may request, besides static files. The second factor's page comes before the login is complete; the feed
and an invitation have a token of their own."""
STEPS = ("/2fa/", "/oidc/")
"""Pages that keep in the session what the next request is compared with, even if they are only looked at."""


def kept_by_nobody(answer: Next) -> Next:
    """What has no rule of its own is kept by no cache, errors of calls are JSON whichever middleware made them, and browsers keep to https where people
    reach us by it, whether or not a proxy says so."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        if error_answers.is_call(request) or request.path_info in HEALTH:
            response = error_answers.as_json(request, response)
        response.headers.setdefault("Cache-Control", "private, no-store")
        if settings.HSTS_SECONDS:
            response.headers["Strict-Transport-Security"] = f"max-age={settings.HSTS_SECONDS}"
        return response

    return middleware


def health_check(answer: Next) -> Next:
    """`GET /healthz` is 200 while the process lives, whatever the host name, the database or the session."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != "/healthz":
            return answer(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return HttpResponse("ok\n", content_type="text/plain")

    return middleware


def reading(answer: Next) -> Next:
    """GET and HEAD only read: their session is not written, but for pages that are steps of a login or of setting up a second factor."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.session.reading = request.method in ("GET", "HEAD") and not request.path_info.startswith(STEPS)  # type: ignore[attr-defined]  # dashboard.people.sessions
        return answer(request)

    return middleware


def login_required(answer: Next) -> Next:
    """A stranger is sent to /login/ from a page, and gets 401 from a call; whatever is not named open is closed."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if _is_open(request):
            return answer(request)
        if error_answers.is_call(request):
            return error_answers.as_json(request, answer(request)) if _person_of_call(request) else error_answers.unauthorized()
        if not (request.user.is_authenticated and request.user.is_active):
            return answer(request) if getattr(request, "viewed_by_stranger", False) else _to_login(request)
        if request.session.session_key:
            store.touch_session(request.user.pk, request.session.session_key, *client_of(request), timezone.now())
        return answer(request)

    return middleware


def from_where(answer: Next) -> Next:
    """What the audit log states beside a person: the client's address, and the session or token."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        token = getattr(request, "api_token", None)
        via = f"token {token.name}" if token else getattr(request, "via", "session") if request.user.is_authenticated else ""
        with origin.of(Origin(str(request.META.get("REMOTE_ADDR") or ""), via)):
            return answer(request)

    return middleware


def visible_names(answer: Next) -> Next:
    """Pages and fragments show the invisible characters that a name may hold."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        if isinstance(response, HttpResponse) and response.headers.get("Content-Type", "").startswith("text/html"):
            html = response.content.decode(response.charset)
            shown = visible_markup(html)
            if shown != html:
                response.content = shown.encode(response.charset)
        return response

    return middleware


def _is_open(request: HttpRequest) -> bool:
    return request.path_info in OPEN or request.path_info.startswith("/oidc/") or request.path_info.startswith(settings.SERVESTATIC_STATIC_PREFIX)


def _person_of_call(request: HttpRequest) -> bool:
    """True if somebody is known by token or session. A token that is sent must be right, even beside a session; its user becomes `request.user`."""
    scheme, _, plain = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return request.user.is_authenticated and request.user.is_active
    token = queries.token(plain.strip())
    if token is None:
        return False
    store.touch_token(token, str(request.META.get("REMOTE_ADDR") or ""), timezone.now())
    token.user.rights = token.rights()
    request.user = token.user
    request.api_token = token  # type: ignore[attr-defined]  # marks for the API that no cookie is involved, hence no CSRF check
    return True


@vary_on_htmx
def _to_login(request: HttpRequest) -> HttpResponse:
    """To the login page, and back after the login; htmx, which requested a part of a page, is redirected to the whole page."""
    login = resolve_url(settings.LOGIN_URL)
    htmx = request.htmx  # type: ignore[attr-defined]  # django_htmx's middleware runs before this one
    if htmx:
        shown = urlsplit(htmx.current_url or "")
        back = shown.path + (f"?{shown.query}" if shown.query else "")
        return HttpResponse(status=401, headers={"HX-Redirect": f"{login}?{urlencode({'next': back or resolve_url('overview')})}"})
    return HttpResponseRedirect(f"{login}?{urlencode({'next': request.get_full_path()})}")
