"""Two more ways in, both off by default: a name that a trusted proxy sends, and pages that strangers may look at with a role."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from dashboard import queries
from dashboard.people.access import Action, Grant, Rights

Next = Callable[[HttpRequest], HttpResponseBase]
BY_PROXY = "hareline_by_proxy"
LOOKS: frozenset[Action] = frozenset({"view", "arguments", "bodies"})
"""What a stranger may do at most, whatever the role."""
CLOSED = (
    "/account/",
    "/people/",
    "/audit/",
    "/2fa/",
    "/reauthenticate/",
    "/password/",
    "/api/",
    "/metrics",
    "/send/",
    "/findings/feeds/",
    "/findings/targets/",
)


def by_proxy(answer: Next) -> Next:
    """Logs in whom HARELINE_PROXY_USER_HEADER names, and out once it names somebody else or nobody. `dashboard.proxies` has taken the header out of every
    request that no trusted proxy sent."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.PROXY_USER_HEADER:
            _follow(request, request.headers.get(settings.PROXY_USER_HEADER, ""))
        return answer(request)

    return middleware


def anonymous(answer: Next) -> Next:
    """Lets strangers look at pages with the role HARELINE_ANONYMOUS_ROLE: nothing is changed, and no person's own page is open."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        looks = request.method in ("GET", "HEAD") and not request.path_info.startswith(CLOSED)
        if settings.ANONYMOUS_ROLE and looks and not request.user.is_authenticated:
            actions = queries.role_actions(settings.ANONYMOUS_ROLE) & LOOKS
            request.user.rights = Rights((Grant(actions),))  # type: ignore[attr-defined]
            request.may_look = bool(actions)  # type: ignore[attr-defined]
        return answer(request)

    return middleware


def _follow(request: HttpRequest, name: str) -> None:
    known = request.session.get(BY_PROXY)
    if known and known != name:
        request.session.reading = False  # type: ignore[attr-defined]  # dashboard.people.sessions
        logout(request)
    if name and not request.user.is_authenticated:
        person = queries.person(name)
        if person is not None and person.is_active:
            request.session.reading = False  # type: ignore[attr-defined]
            login(request, person, backend="django.contrib.auth.backends.ModelBackend")
            request.session[BY_PROXY] = name
