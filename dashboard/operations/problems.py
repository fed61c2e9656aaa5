"""The answer to a request that failed unexpectedly or without the database: a page for people, JSON for calls."""

from __future__ import annotations

import sys

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from dashboard.api import errors


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is being handled. Nothing here looks into the database."""
    status = 503 if isinstance(sys.exc_info()[1], DatabaseError) else 500
    if errors.is_call(request):
        return errors.answer(status, errors.NO_DATABASE if status == 503 else errors.FAILED)
    return HttpResponse(render_to_string(f"{status}.html"), status=status)
