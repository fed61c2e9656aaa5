"""The list of changes, one change, the list as a file, and the forms of marks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from brokers import queries
from brokers.queries.one_moment import one_moment
from brokers.scope import Scope
from dashboard import queries as own_queries
from dashboard.changes import export as exported
from dashboard.changes import marks
from dashboard.changes.detail_page import ChangePage
from dashboard.changes.filter import QUALIFIERS
from dashboard.changes.list_page import ChangeList
from dashboard.changes.mark_form import MarkForm
from dashboard.layout import list_files
from dashboard.layout.addresses import ListAddress
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.people.access import scope_of

AT_ONCE = 500


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only one of its fragments."""
    listed = _listed(request)
    part = request.GET.get("part")
    if part == "completion":
        return completions(request, QUALIFIERS, listed.values)
    if part == "list":
        return render(request, "changes/_list.html", {"list": listed, "now": listed.now})
    return _whole(request, listed, MarkForm({}, listed.brokers, listed.now))


@one_moment()
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    scope, now = shell_of(request).scope, timezone.now()
    found = queries.change(scope, pk)
    if found is None:
        raise Http404("There is no such change, or it was so long ago that it was deleted.")
    return render(request, "changes/detail.html", {"page": ChangePage(scope, found, now), "change": found, "now": now})


@require_safe
def export(request: HttpRequest, kind: str) -> StreamingHttpResponse:
    """What the filter of the list finds, all of it."""
    listed = _listed(request)
    if kind not in list_files.TYPES or listed.filter.problems:
        raise Http404(f"Changes are exported as {' or '.join(list_files.TYPES)}.")
    response = StreamingHttpResponse(_pieces(kind, listed, request.session.session_key or ""), content_type=list_files.TYPES[kind])
    response.headers["Content-Disposition"] = f'attachment; filename="hareline-changes.{list_files.ENDINGS[kind]}"'
    return response


@require_POST
def add_mark(request: HttpRequest) -> HttpResponse:
    """Marks a moment; what can't be kept comes back with the reason beside it."""
    listed = _listed(request)
    form = MarkForm(request.POST.dict(), listed.brokers, listed.now)
    if not form.is_of_unknown_broker and (refused := marks.why_not(request.user, form.chosen)):
        marks.note_refusal(request.user, form.given["title"], form.chosen, refused, listed.now)
        raise PermissionDenied
    if form.problems or form.at is None:
        with one_moment():
            return _whole(request, listed, form, status=422)
    made = marks.add(request.user, form.given["title"], form.given["url"], form.at, form.chosen, listed.now)
    messages.success(request, f"Marked: {made.title}.")
    return redirect("changes")


@require_POST
def remove_mark(request: HttpRequest, pk: int) -> HttpResponse:
    found = own_queries.mark(shell_of(request).scope, pk)
    if found is None:
        raise Http404("There is no such mark.")
    if marks.remove(request.user, found, timezone.now()):
        raise PermissionDenied
    messages.success(request, f"Removed: {found.title}.")
    return redirect("changes")


def _listed(request: HttpRequest) -> ChangeList:
    shell = shell_of(request)
    return ChangeList(shell.scope, request.user, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, timezone.now())


def _whole(request: HttpRequest, listed: ChangeList, form: MarkForm, status: int = 200) -> HttpResponse:
    live = live_page(listed.topics, brokers=shell_of(request).brokers, scope=listed.scope)
    return render(request, "changes/index.html", {"list": listed, "form": form, "now": listed.now, **live}, status=status)


async def _pieces(kind: str, listed: ChangeList, session_key: str) -> AsyncIterator[str]:
    """Looks before each piece what its reader may see by now: who reads slowly would go on for hours."""
    yield list_files.head(kind, exported.COLUMNS)
    scope, last = listed.scope, None
    while found := await sync_to_async(queries.changes_after)(scope, listed.wanted, last, AT_ONCE):
        yield list_files.piece(kind, map(exported.values_of, found))
        last, scope = found[-1], await sync_to_async(_scope_by_now)(session_key)
        if scope.places == ():
            yield list_files.ended(kind, exported.ENDED)
            return
    yield list_files.piece(kind, map(exported.values_of_mark, await sync_to_async(listed.every_mark)(scope)))


def _scope_by_now(session_key: str) -> Scope:
    return scope_of(own_queries.user_of_session(session_key))
