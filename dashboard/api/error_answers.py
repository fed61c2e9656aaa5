"""The API's errors as HTTP answers, without ninja: `manage.py prepare` and the pages import the middleware, which needs no more than this."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    429: "too_many_requests",
    503: "unavailable",
}


NO_DATABASE = "Hareline's database can't be used now; /readyz has the reason."
FAILED = "Internal error. Details are in the web process's log."


def answer(status: int, message: str, field: str | None = None, headers: dict[str, str] | None = None) -> JsonResponse:
    """The JSON of an error; the code follows from the status."""
    error = {"code": CODES.get(status, "error" if status < 500 else "internal"), "message": message}
    return JsonResponse({"error": error | ({"field": field} if field else {})}, status=status, headers=headers)


def is_call(request: HttpRequest) -> bool:
    """True for what programs call: the API and the metrics, where an error is JSON."""
    return request.path_info.startswith("/api/") or request.path_info in ("/api", "/metrics")


def unauthorized() -> JsonResponse:
    return answer(401, "Log in, or send a token: Authorization: Bearer <token>.", headers={"WWW-Authenticate": "Bearer"})


def as_json(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The response, or, if it is an error page that Django or ninja made (404, 405, 500), the same as JSON."""
    if response.status_code < 400 or response.headers.get("Content-Type", "").startswith("application/json"):
        return response
    messages = {404: f"There is no {request.path}.", 405: f"{request.path} does not allow {request.method}."}
    kept = {name: response.headers[name] for name in ("Allow", "WWW-Authenticate") if name in response.headers}
    return answer(response.status_code, messages.get(response.status_code, f"{HTTPStatus(response.status_code).phrase}."), headers=kept)
