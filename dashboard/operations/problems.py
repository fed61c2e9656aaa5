"""The answer to a request that failed unexpectedly or without the database: a page for people, JSON for calls."""

from __future__ import annotations

import sys

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from brokers import database_damage
from dashboard.api import error_answers


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is being handled. Nothing here looks into the database."""
    error = sys.exc_info()[1]
    status = 503 if isinstance(error, DatabaseError) else 500
    damaged = error is not None and database_damage.note(error, "pages", database_damage.A_WHILE_SECONDS)
    if error_answers.is_call(request):
        return error_answers.answer(status, error_answers.NO_DATABASE if status == 503 else error_answers.FAILED)
    return HttpResponse(render_to_string(f"{status}.html", {"damage": database_damage.sentence() if damaged else ""}), status=status)
