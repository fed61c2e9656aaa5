"""The tasks of a list, or those that were selected there, as a file that is written while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from brokers.scope import Scope
from dashboard import queries as people
from dashboard import store
from dashboard.layout import list_files
from dashboard.layout.addresses import ListAddress
from dashboard.layout.frame import shell_of
from dashboard.limits.at_once_each import AtOnceEach
from dashboard.people.access import scope_of
from dashboard.tasks import export as exported
from dashboard.tasks.list_page import TaskList
from dashboard.tasks.parameters import with_terms
from workers import queries
from workers.task_filter import TaskFilter

AT_ONCE, MOST_SELECTED = 500, 500
going_on = AtOnceEach(2)


@require_http_methods(["GET", "POST"])
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What the filter finds, all of it; posted with `uuid` only these tasks."""
    given = request.POST if request.method == "POST" else request.GET
    kind, shell = given.get("format", "csv"), shell_of(request)
    if kind not in list_files.TYPES:
        raise Http404(f"Tasks are exported as {' or '.join(list_files.TYPES)}.")
    if going_on.is_full(request.user.pk):
        return HttpResponse("Two exports of yours are running. Wait for one to end.", status=429, content_type="text/plain; charset=utf-8")
    listed = TaskList(shell.scope, ListAddress(request.path, with_terms(given)), shell.brokers, shell.broker, shell.vhost, timezone.now(), request.user)
    if listed.filter.problems:
        return render(request, "tasks/export_refused.html", {"list": listed}, status=422)
    wanted = _wanted(listed, given)
    shows_arguments = any(column.key == "arguments" for column in listed.columns)
    store.audit(request.user, "export tasks", store.DONE, listed.now, detail={"as": kind, "filter": listed.filter.text, "arguments": shows_arguments})
    response = StreamingHttpResponse(_pieces(kind, listed, wanted, request.session.session_key or "", request.user.pk), content_type=list_files.TYPES[kind])
    response.headers["Content-Disposition"] = f'attachment; filename="hareline-tasks.{list_files.ENDINGS[kind]}"'
    return response


def _wanted(listed: TaskList, given: QueryDict) -> TaskFilter:
    uuids = () if given.get("all") else tuple(given.getlist("uuid")[:MOST_SELECTED])
    return msgspec.structs.replace(listed.query_filter(listed.filter), uuids=uuids)


async def _pieces(kind: str, listed: TaskList, wanted: TaskFilter, session_key: str, user_id: int | None) -> AsyncIterator[str]:
    """Looks before each piece what its reader may see by now: who reads slowly would go on for hours."""
    with going_on.one_of(user_id):
        yield list_files.head(kind, exported.fields(listed.columns))
        scope, after = listed.scope, ""
        while True:
            tasks, after = await sync_to_async(queries.tasks_after)(scope, wanted, after, AT_ONCE)
            yield list_files.piece(kind, exported.rows(listed.columns, tasks, listed.now))
            if not after:
                return
            scope = await sync_to_async(_scope_by_now)(session_key)
            if scope.places == ():
                yield list_files.ended(kind, exported.ENDED)
                return


def _scope_by_now(session_key: str) -> Scope:
    return scope_of(people.user_of_session(session_key))
