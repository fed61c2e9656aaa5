"""For machines: does the process live, and can it work. `/healthz` itself is answered by the middleware, before everything else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.operations import readiness


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200, or 503 with a reason for each part that is not ready. Needs no login."""
    now = timezone.now()
    parts = readiness.parts(now)
    ready = not any(parts.values())
    states = {name: {"ready": not reason, "reason": reason or None} for name, reason in parts.items()}
    return JsonResponse({"ready": ready, "parts": states, "notes": readiness.notes(now)}, status=200 if ready else 503)
