"""The page of the audit log, and its export."""

from __future__ import annotations

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard import queries, store
from dashboard.audit import export as exported
from dashboard.audit.access import why_not
from dashboard.audit.list_page import AuditPage, outcome_of
from dashboard.layout import list_files


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    if why_not(request.user):
        raise PermissionDenied
    shown = AuditPage(request.GET.dict(), timezone.now())
    return render(request, "audit/index.html", {"page": shown, "now": shown.now}, status=422 if shown.problems else 200)


@require_safe
def export(request: HttpRequest, kind: str) -> StreamingHttpResponse:
    """What the filter of the page finds, all of it."""
    if why_not(request.user):
        raise PermissionDenied
    found = AuditPage(request.GET.dict(), timezone.now())
    if kind not in list_files.TYPES or found.problems:
        raise Http404(f"The audit log is exported as {' or '.join(list_files.TYPES)}.")
    store.audit(request.user, "export audit log", store.DONE, found.now, detail={"as": kind, "filter": found.given})
    response = StreamingHttpResponse(_pieces(kind, found, request.session.session_key or ""), content_type=list_files.TYPES[kind])
    response.headers["Content-Disposition"] = f'attachment; filename="hareline-audit.{list_files.ENDINGS[kind]}"'
    return response


async def _pieces(kind: str, found: AuditPage, session_key: str) -> AsyncIterator[str]:
    """Looks before each piece whether its reader is still logged in and may read it: who reads slowly would go on for hours."""
    yield list_files.head(kind, exported.COLUMNS)
    before: int | None = None
    while entries := await sync_to_async(queries.audit_entries)(found.wanted, found.now, queries.AT_ONCE, before):
        if before is not None and not await sync_to_async(_may_go_on)(session_key):
            yield list_files.ended(kind, exported.ENDED)
            return
        yield list_files.piece(kind, (exported.as_values(entry, outcome_of(entry, found.now)) for entry in entries))
        before = entries[-1].number


def _may_go_on(session_key: str) -> bool:
    user = queries.user_of_session(session_key)
    return user is not None and not why_not(user)
