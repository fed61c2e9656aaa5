"""Who is notified: the list of targets, the form of one, and its buttons. For administrators only."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard import queries
from dashboard.models import Target
from dashboard.notifications import action as acts
from dashboard.notifications import form
from dashboard.notifications.page import KINDS, TargetPage, rows

REMOVED = "There is no such target, or it was removed."


def page(request: HttpRequest) -> HttpResponse:
    _check(request)
    now = timezone.now()
    context = {"rows": rows(now), "kinds": TargetPage("", None, now).kinds, "heartbeat": bool(settings.HEARTBEAT_URL), "now": now}
    template = "notifications/_list.html" if request.GET.get("part") == "list" else "notifications/index.html"
    return render(request, template, context)


@sensitive_post_parameters()
def new(request: HttpRequest) -> HttpResponse:
    """The form of a kind of target; posted: it is made, or what is wrong stands beside the fields."""
    _check(request, acts.ADD)
    kind = request.GET.get("kind", Target.APPRISE)
    if kind not in [key for key, _, _ in KINDS]:
        raise Http404("There is no such kind of target.")
    return _answered(request, TargetPage(kind, None, timezone.now()))


@sensitive_post_parameters()
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """The form of a stored target, without its secrets, and its latest messages."""
    _check(request, acts.CHANGE, pk)
    target = _target(pk)
    return _answered(request, TargetPage(target.kind, target, timezone.now()))


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    if action not in acts.ACTIONS:
        raise Http404("There is no such action.")
    target, now = _target(pk), timezone.now()
    if not acts.may(request.user):
        acts.note_refusal(request.user, acts.ACTIONS[action], target, now)
        raise PermissionDenied
    messages.info(request, acts.act(request.user, target, action, now))
    return redirect("targets") if action == "remove" else redirect("target", pk=pk)


def _answered(request: HttpRequest, shown: TargetPage) -> HttpResponse:
    if request.method == "POST":
        shown.fill(request.POST.dict(), {name: request.POST.getlist(name) for name in form.MANY})
        entered, shown.problems = form.read(shown.kind, shown.values, shown.target, settings.NOTIFY_LOOPBACK)
        if entered and (wrong := acts.check_service(shown.kind, entered)):
            shown.problems["url"] = wrong
        if entered and not shown.problems:
            try:
                saved = acts.save(request.user, shown.kind, shown.target, entered, shown.now)
            except acts.Removed:
                raise Http404(REMOVED) from None
            if saved:
                messages.success(request, f"{saved.name} is stored. Send a test to see whether it works.")
                return redirect("target", pk=saved.pk)
            shown.problems["name"] = "Another target has this name."
        shown.forget_secrets()
    return render(request, "notifications/target.html", {"page": shown, "now": shown.now}, status=422 if shown.problems else 200)


def _check(request: HttpRequest, action: str = "", pk: int | None = None) -> None:
    """Refuses who may not; what was posted is recorded."""
    if not acts.may(request.user):
        if request.method == "POST":
            acts.note_refusal(request.user, action, None if pk is None else queries.target(pk), timezone.now())
        raise PermissionDenied


def _target(pk: int) -> Target:
    target = queries.target(pk)
    if target is None:
        raise Http404(REMOVED)
    return target
