"""Answers to htmx, which puts a part of a page where it was."""

from __future__ import annotations

from django.http import HttpRequest
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HTMX_STOP_POLLING

vary_on_htmx = vary_on_headers("HX-Request")
"""For views whose answer is another one to htmx."""


def polled(request: HttpRequest, goes_on: bool) -> int:
    """The status of a part that htmx fetches again and again: once nothing goes on any more, the one that ends it."""
    return HTMX_STOP_POLLING if request.htmx and not goes_on else 200  # type: ignore[attr-defined]  # set by django_htmx's middleware
