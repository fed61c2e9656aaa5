"""Answers to htmx, which puts a part of a page where it was."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HTMX_STOP_POLLING

from dashboard.layout.completion import Values, options
from dashboard.layout.filter_language import Qualifier

vary_on_htmx = vary_on_headers("HX-Request")
"""For views whose answer is another one to htmx."""


def polled(request: HttpRequest, goes_on: bool) -> int:
    """The status of a part that htmx fetches again and again: once nothing goes on any more, the one that ends it."""
    return HTMX_STOP_POLLING if request.htmx and not goes_on else 200  # type: ignore[attr-defined]  # set by django_htmx's middleware


def completions(request: HttpRequest, known: Mapping[str, Qualifier], values: Values) -> HttpResponse:
    """The completions of the word `typed` in the filter of a list."""
    return render(request, "components/_completions.html", {"options": options(request.GET.get("typed", ""), known, values)})
