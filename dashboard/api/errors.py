"""The API's errors: always `{"error": {"code", "message", "field"?}}` with the right status, never HTML, never a traceback."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from brokers import database_damage
from dashboard.api.error_answers import FAILED, NO_DATABASE, answer, unauthorized
from dashboard.layout import formatting

log = structlog.get_logger(__name__)


class ErrorDetail(Schema):
    code: str
    message: str
    field: str | None = None


class ErrorAnswer(Schema):
    error: ErrorDetail


ERRORS: dict[int, Any] = {400: ErrorAnswer, 401: ErrorAnswer, 404: ErrorAnswer}
"""What each call may answer besides its own: for the OpenAPI description."""


class Problem(Exception):
    """A call that can't be answered; `field` is the parameter at fault."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.field = field


def invalid(field: str, message: object) -> Problem:
    return Problem(400, str(message), field)


def not_found(message: str, field: str | None = None) -> Problem:
    return Problem(404, message, field)


def register(api: NinjaAPI) -> None:
    """Makes every exception of a call an error in our form."""

    @api.exception_handler(Problem)
    def problem(_: HttpRequest, error: Problem) -> HttpResponse:
        return answer(error.status, str(error), error.field)

    @api.exception_handler(ValidationError)
    def validation(_: HttpRequest, error: ValidationError) -> HttpResponse:
        first = error.errors[0]
        field = str(first["loc"][-1])
        return answer(400, f"{field}: {first['msg']}", field)

    @api.exception_handler(AuthenticationError)
    def authentication(_: HttpRequest, __: AuthenticationError) -> HttpResponse:
        return unauthorized()

    @api.exception_handler(RequestDataTooBig)
    def too_large(_: HttpRequest, __: RequestDataTooBig) -> HttpResponse:
        return answer(413, f"The body is too large; at most {formatting.data_size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)} are read.")

    @api.exception_handler(HttpError)
    def http(_: HttpRequest, error: HttpError) -> HttpResponse:
        return answer(error.status_code, str(error))

    @api.exception_handler(DatabaseError)
    def database(request: HttpRequest, error: DatabaseError) -> HttpResponse:
        database_damage.note(error, "pages", database_damage.A_WHILE_SECONDS)
        database_damage.log_failure(log, "a call of the API failed", error, path=request.path)
        return answer(503, NO_DATABASE)

    @api.exception_handler(Exception)
    def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
        log.error("a call of the API failed", path=request.path, exc_info=error)
        return answer(500, FAILED)
