"""Every address of the site. The API's own are in `dashboard.api.routes`, the web socket's in `dashboard.asgi`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from dashboard.views import account, glossary, theme


def _page(module: str, function: str = "page") -> Any:
    def view(request: HttpRequest, **arguments: Any) -> HttpResponse:
        return getattr(import_module(f"dashboard.views.{module}"), function)(request, **arguments)

    return view


urlpatterns: list[URLPattern | URLResolver] = [
    path("", _page("overview"), name="overview"),
    path("queues/", _page("queues"), name="queues"),
    path("queues/<int:pk>/", _page("queue"), name="queue"),
    path("exchanges/", _page("exchanges"), name="exchanges"),
    path("exchanges/<int:pk>/", _page("exchange"), name="exchange"),
    path("workers/", _page("workers"), name="workers"),
    path("workers/<int:pk>/", _page("worker"), name="worker"),
    path("glossary/", glossary.index, name="glossary"),
    path("theme/", theme.choose, name="theme"),
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("password/change/", account.change_password, name="account_change_password"),
    path("healthz", _page("health", "healthz"), name="healthz"),
    path("readyz", _page("health", "readyz"), name="readyz"),
    path("metrics", _page("health", "metrics"), name="metrics"),
]

if find_spec("dashboard.api.routes"):
    urlpatterns.append(path("api/v1/", import_module("dashboard.api.routes").api.urls))
