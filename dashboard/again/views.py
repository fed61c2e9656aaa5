"""The page that runs tasks again, what it begins, and the page of a batch."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from dashboard import queries, store
from dashboard.again import action as again
from dashboard.again import runner
from dashboard.again.batch_page import BatchPage
from dashboard.again.page import AgainPage
from dashboard.layout import changing
from dashboard.layout.fragments import polled, vary_on_htmx
from dashboard.layout.frame import shell_of
from dashboard.models import RunAgainBatch
from dashboard.send import action as sending


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Which of the chosen tasks can be run again, and with what arguments, to be confirmed. Nothing is sent."""
    shown = _page(request, request.POST if request.method == "POST" else request.GET)
    return render(request, "again/index.html", {"page": shown, "now": shown.now}, status=422 if shown.wrong_choice else 200)


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begins what was confirmed, then shows how far it is. One task is sent before the answer."""
    shown = _page(request, request.POST)
    if not again.may(request.user, shown.broker_name, shown.vhost) or (shown.refusal[0] and shown.refusal[1] == 403):
        why, name = shown.refusal[0], ", ".join(task.uuid for task in shown.tasks[:5])
        changing.note_refusal(again.CHANGE, request.user, shown.broker_name, shown.vhost, name, why, shown.now)
        raise PermissionDenied(why)
    if shown.refusal[0] or (shown.seen is None and not shown.confirmed()) or (shown.seen is not None and shown.seen.order is None):
        status = 503 if shown.refusal[0] else 429 if shown.problem else 422
        return render(request, "again/index.html", {"page": shown, "now": shown.now}, status=status)
    if shown.seen is not None:
        return redirect("run_again_batch", pk=_sent_message(request, shown).pk)
    try:
        batch = again.begin(request.user, shown.broker_name, shown.vhost, shown.going, shown.per_second, shown.selection.text, shown.now, shown.newest_run)
    except store.RunAgainMeanwhile:
        shown.problem = again.MEANWHILE
        return render(request, "again/index.html", {"page": shown, "now": shown.now}, status=409)
    runner.run(batch.pk) if len(shown.going) == 1 else runner.start(batch.pk)
    return redirect("run_again_batch", pk=batch.pk)


@vary_on_htmx
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a batch is; `?part=progress`: that alone, until nothing more is to be seen."""
    shown = BatchPage(shell_of(request).scope, request.user, _batch(request, pk), timezone.now())
    if request.GET.get("part") == "progress":
        return render(request, "again/_progress.html", {"page": shown, "now": shown.now}, status=polled(request, shown.goes_on))
    return render(request, "again/batch.html", {"page": shown, "now": shown.now})


@require_POST
def change(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Stops a batch, or goes on with what waits in it."""
    found = _batch(request, pk)
    if action not in ("stop", "resume"):
        raise Http404("There is no such action.")
    if why := changing.why_not(again.CHANGE, request.user, found.broker, found.vhost):
        changing.note_refusal(again.CHANGE, request.user, found.broker, found.vhost, f"batch {pk}", why, timezone.now())
        raise PermissionDenied(why)
    about: dict[str, Any] = {"broker": found.broker, "vhost": found.vhost, "name": f"batch {pk}", "detail": {"batch": pk, "action": action}}
    if action == "stop":
        store.end_run_again(pk, RunAgainBatch.STOPPED, f"Stopped by {request.user.get_username()}.")
        store.audit(request.user, again.ACTION, store.DONE, timezone.now(), **about)
    elif store.resume_run_again(pk, timezone.now()):
        store.audit(request.user, again.ACTION, store.DONE, timezone.now(), **about)
        runner.start(pk)
    return redirect("run_again_batch", pk=pk)


def _batch(request: HttpRequest, pk: int) -> RunAgainBatch:
    found = queries.run_again_batch(shell_of(request).scope, pk)
    if found is None:
        raise Http404("There are no such tasks that were run again, or you may not see them.")
    return found


def _sent_message(request: HttpRequest, shown: AgainPage) -> RunAgainBatch:
    """Sends the task of a message that was seen whole."""
    seen, uuid = shown.seen, str(uuid4())
    if seen is None or seen.order is None or shown.broker is None:
        raise Http404("There is no message.")
    predicted = sending.predict(shown.scope, seen.order, shown.broker, shown.vhost, shown.now)
    done = sending.send(request.user, shown.broker, shown.vhost, predicted, uuid, shown.now, again_of=seen.uuid)
    outcome, reason = (done.sent.outcome, done.sent.reason) if done else ("unknown", "")
    return store.note_run_again(request.user, shown.broker.name, shown.vhost, seen.uuid, uuid, seen.order.task, outcome, reason, shown.now)


def _page(request: HttpRequest, given: QueryDict) -> AgainPage:
    shell = shell_of(request)
    return AgainPage(shell.scope, request.user, given, shell.broker, shell.vhost, timezone.now())
