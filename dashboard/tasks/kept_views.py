"""Views of the list of tasks that a person keeps: save, rename, share, remove, and take their columns as the usual ones."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from brokers.characters import is_storable
from dashboard import queries, store
from dashboard.layout.addresses import ListAddress
from dashboard.models import TaskView
from dashboard.people.access import may, scope_of
from dashboard.people.audited import audited
from dashboard.tasks.list_choices import PARTS, view_address

LONGEST_NAME, LONGEST_TEXT = 100, 2000
LONGEST = {"sort": 50, "broker": 200, "vhost": 255}


class Shown(msgspec.Struct, frozen=True):
    """A view with what this person may do with it."""

    pk: int
    name: str
    filter: str
    columns: str
    broker: str
    vhost: str
    address: str
    own: bool
    owner: str
    shared: bool
    is_usual: bool
    may_share: bool


@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """The person's views and the shared ones; posted: a new one of the list's address."""
    given = _parts(request.POST if request.method == "POST" else request.GET)
    name = request.POST.get("name", "").strip()
    problem = _problem(name, given) if request.method == "POST" else ""
    if request.method == "POST" and not problem:
        known = {"filter" if part == "q" else part: value for part, value in given.items()}
        if store.keep_task_view(request.user.pk or 0, name, timezone.now(), **known):
            messages.success(request, f"Saved: {name}.")
            return redirect("task_views")
        problem = f"There are {store.MOST_TASK_VIEWS} views already, or one of this name is shared."
    context = {"views": _shown(request), "given": given, "name": name, "problem": problem}
    return render(request, "tasks/kept_views.html", context, status=422 if problem else 200)


def _parts(query: QueryDict) -> dict[str, str]:
    kept = ListAddress("", query).kept
    return {name: kept[name] for name in PARTS if name in kept}


def _problem(name: str, given: dict[str, str]) -> str:
    if not (name and len(name) <= LONGEST_NAME and is_storable(name)):
        return f"A name of up to {LONGEST_NAME} characters is needed."
    too_long = next((part for part, value in given.items() if len(value) > LONGEST.get(part, LONGEST_TEXT) or not is_storable(value)), None)
    return f"{too_long} is too long to be saved, or can’t be stored." if too_long else ""


def _shown(request: HttpRequest) -> list[Shown]:
    shares = may(request.user, "settings")
    found = []
    for view in queries.task_views(request.user.pk, scope_of(request.user)):
        own = view.user_id == request.user.pk
        of = (request.user if own else view.user).get_username()
        known = {name: getattr(view, name) for name in ("pk", "name", "filter", "columns", "broker", "vhost", "shared", "is_usual")}
        found.append(Shown(**known, address=view_address(view), own=own, owner=of, may_share=shares and (own or view.shared)))
    return found


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """What changes a view: its owner may all, but share only with the right to change settings; who has that may end that a view is shared."""
    view = next((view for view in queries.task_views(request.user.pk, scope_of(request.user)) if view.pk == pk), None)
    change = _ACTS.get(action)
    if view is None or change is None:
        raise Http404("There is no such view of yours.")
    if (action in ("share", "unshare") and not may(request.user, "settings")) or (action != "unshare" and view.user_id != request.user.pk):
        raise PermissionDenied
    if action == "rename" and (problem := _problem(request.POST.get("name", "").strip(), {})):
        messages.error(request, problem)
        return redirect("task_views")
    if not (view.shared or action == "share"):
        return _answered(request, change(view, request))
    with audited(request.user, f"{action} task view", broker=view.broker, vhost=view.vhost, name=view.name, filter=view.filter) as audit:
        done = change(view, request)
        if not done:
            audit.unchanged()
    return _answered(request, done)


def _answered(request: HttpRequest, done: bool) -> HttpResponse:
    if not done:
        messages.error(request, "You have another view of this name.")
    return redirect("task_views")


def _always(change: Callable[[TaskView], object]) -> Callable[[TaskView, HttpRequest], bool]:
    def changed(view: TaskView, request: HttpRequest) -> bool:
        change(view)
        return True

    return changed


_ACTS: dict[str, Callable[[TaskView, HttpRequest], bool]] = {
    "rename": lambda view, request: store.rename_task_view(view, request.POST.get("name", "").strip()),
    "share": _always(lambda view: store.share_task_view(view, True)),
    "unshare": _always(lambda view: store.share_task_view(view, False)),
    "usual": _always(lambda view: store.make_columns_usual(view, True)),
    "not-usual": _always(lambda view: store.make_columns_usual(view, False)),
    "remove": _always(store.remove_task_view),
}
