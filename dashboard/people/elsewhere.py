"""Two more ways in, both off by default: a name that a trusted proxy sends, and pages that strangers may view with a role."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from dashboard import queries
from dashboard.api import error_answers
from dashboard.people import origin
from dashboard.people.access import Action, Grant, Rights
from dashboard.people.browsers import client_of
from dashboard.people.origin import Origin
from dashboard.people.providers import PREFIX

Next = Callable[[HttpRequest], HttpResponseBase]
BY_PROXY = "hareline_by_proxy"
VIEWING: frozenset[Action] = frozenset({"view", "arguments"})
"""What a stranger may do at most, whatever the role."""
OPEN_TO_STRANGERS = frozenset(
    [
        *("overview", "queues", "queue", "exchanges", "exchange", "connections", "connection", "workers", "worker", "tasks", "task"),
        *("routing", "findings", "finding", "find", "glossary", "keyboard"),
    ]
)
"""The names of the pages that a stranger with a role may view. Every other page, and each new one until it is named here, needs a login."""
THEME = "theme"
"""The one form that is open to strangers: it stores nothing but a cookie of their browser."""


def by_proxy(answer: Next) -> Next:
    """Logs in whom HARELINE_PROXY_USER_HEADER names, and out once it names somebody else or nobody. `dashboard.proxies` has taken the header out of every
    request that no trusted proxy sent."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.PROXY_USER_HEADER:
            with origin.of(Origin(client_of(request)[0], origin.PROXY)):
                _follow(request, request.headers.get(settings.PROXY_USER_HEADER, ""))
        return answer(request)

    return middleware


def anonymous(answer: Next) -> Next:
    """Lets strangers view pages with the role HARELINE_ANONYMOUS_ROLE: nothing is changed, and no person's own page is open."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.ANONYMOUS_ROLE and not request.user.is_authenticated and _is_open_to_strangers(request):
            actions = queries.role_actions(settings.ANONYMOUS_ROLE) & VIEWING
            request.user.rights = Rights((Grant(actions),))  # type: ignore[attr-defined]
            request.viewed_by_stranger = bool(actions)  # type: ignore[attr-defined]
        return answer(request)

    return middleware


def unknown_roles() -> list[str]:
    """A sentence for each role that the environment gives and nobody has made: until then it gives nothing."""
    given = {"HARELINE_ANONYMOUS_ROLE": [settings.ANONYMOUS_ROLE] if settings.ANONYMOUS_ROLE else []}
    for provider in settings.OIDC_PROVIDERS:
        given[f"{PREFIX}{provider.name.upper().replace('-', '_')}_ROLES"] = [one.role for one in provider.roles]
    known = set(queries.role_names())
    return [
        f"{variable}: there is no role {role}, so it gives nothing until somebody makes it on the page People."
        for variable, roles in given.items()
        for role in sorted(set(roles) - known)
    ]


def _is_open_to_strangers(request: HttpRequest) -> bool:
    try:
        name = resolve(request.path_info).url_name
    except Resolver404:
        return False
    return name in OPEN_TO_STRANGERS if request.method in ("GET", "HEAD") else name == THEME


def _follow(request: HttpRequest, name: str) -> None:
    known = request.session.get(BY_PROXY)
    if known and known != name:
        request.session.reading = False  # type: ignore[attr-defined]  # dashboard.people.sessions
        logout(request)
    if not name or request.user.is_authenticated:
        return
    person = queries.person(name)
    if person is None or not person.is_active:
        return
    if error_answers.is_call(request):  # programs keep no cookie: each of their calls would be a session and a login of its own
        request.user = person
        request.via = origin.PROXY  # type: ignore[attr-defined]
        return
    request.session.reading = False  # type: ignore[attr-defined]
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    request.session[BY_PROXY] = name
