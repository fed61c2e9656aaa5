"""`GET /metrics`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from dashboard.api import error_answers
from dashboard.exporting.exposition import NotKnown, exposition
from dashboard.exporting.names import Wanted
from dashboard.people.access import scope_of


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text; the token is checked by the middleware. `broker` and `family` narrow it, each may be given several times."""
    wanted = Wanted(tuple(request.GET.getlist("broker")), tuple(request.GET.getlist("family")))
    try:
        return HttpResponse(exposition(scope_of(request.user), wanted, timezone.now()), content_type=CONTENT_TYPE_LATEST)
    except NotKnown as error:
        return error_answers.answer(422, str(error), error.field)
