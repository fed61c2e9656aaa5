"""How many explanations are made at once in this process, for pages and calls alike; the others wait for their turn, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.limits.at_once import AtOnce, Busy

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
EXPLANATIONS = AtOnce(2, 30.0)
"""One against 100,000 bindings takes some 600 MB."""


def busy_text() -> str:
    return f"Other explanations are being made, and none ended within {EXPLANATIONS.patience_seconds:g} s. Try again later."


def in_turn(explains: Callable[[HttpRequest], bool]) -> Callable[[View[P]], View[P]]:
    """Around a view: a request that `explains` anything waits for its turn, and gets a page with status 503 where that takes too long."""

    def around(view: View[P]) -> View[P]:
        @wraps(view)
        def waiting(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not explains(request):
                return view(request, *args, **kwargs)
            try:
                with EXPLANATIONS.turn():
                    return view(request, *args, **kwargs)
            except Busy:
                return render(request, "why/busy.html", {"why": busy_text()}, status=503)

        return waiting

    return around
