"""The send page: the form, the confirmation, and the sending itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from brokers.queries.one_moment import one_moment
from dashboard import store
from dashboard.layout import json_fields, posted
from dashboard.layout.fragments import polled, vary_on_htmx
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.send import action as sending
from dashboard.send.page import SendPage, sent_uuid
from dashboard.why.turns import in_turn


@csrf_exempt  # the check is made by _answered, once the body is known to be small enough to be read
def page(request: HttpRequest) -> HttpResponse:
    """The form; filled in and posted: its problems, or the confirmation. `?part=follow`: the task that was sent;
    posted to `?part=prediction`: where it would go."""
    return _too_large(request, too_large) if (too_large := posted.too_large(request)) else _answered(request)


def _predicts(request: HttpRequest) -> bool:
    """Whether a task is named, whose route is predicted then."""
    return request.method == "POST" or bool(request.GET.keys() & {"task", "again", "sent", "like"} and "part" not in request.GET)


@in_turn(_predicts)
@vary_on_htmx
@csrf_protect
@one_moment()
def _answered(request: HttpRequest) -> HttpResponse:
    shown, status = _page(request), 200
    if request.method == "POST" and request.GET.get("part") == "prediction":
        shown.fill(request.POST.dict())
        return render(request, "send/_prediction.html", {"page": shown, "now": shown.now})
    if request.method == "POST":
        status = shown.refusal[1] if shown.why_not else 200 if shown.check(request.POST.dict()) else 422
    else:
        shown.prefill(request.GET.dict())
    followed = shown.follow(request.GET.get("sent")) if request.method == "GET" else None
    if request.GET.get("part") in ("follow", "before"):
        status = polled(request, request.GET["part"] != "follow" or (followed is not None and followed.goes_on))
        return render(request, f"send/_{request.GET['part']}.html", {"page": shown, "follow": followed, "now": shown.now}, status=status)
    keys = [followed.key] if followed else []
    return render(
        request, "send/index.html", {"page": shown, "follow": followed, "now": shown.now, **live_page(shown.topics, keys, scope=shown.scope)}, status=status
    )


@csrf_exempt
@require_POST
def now(request: HttpRequest) -> HttpResponse:
    """Sends once what was confirmed, then shows it on the send page; a form that comes twice sends nothing."""
    return _too_large(request, too_large) if (too_large := posted.too_large(request)) else _sent(request)


@in_turn(_predicts)
@csrf_protect
def _sent(request: HttpRequest) -> HttpResponse:
    shown = _page(request)
    uuid, given = sent_uuid(request.POST.get("uuid")), request.POST.dict()
    if shown.why_not or shown.broker is None or uuid is None or not shown.check(given) or shown.predicted is None:
        if shown.why_not:
            sending.note_refusal(shown.user, shown.named_broker, shown.vhost, given.get("task", ""), shown.why_not, shown.now)
        return render(request, "send/index.html", {"page": shown, "now": shown.now, "topics": shown.topics}, status=shown.refusal[1] if shown.why_not else 422)
    done = sending.send(shown.user, shown.broker, shown.vhost, shown.predicted, uuid, shown.now)
    event = done.event if done else sending.event_of(uuid, shown.now)
    if done and shown.like and (shown.like.broker_id, shown.like.vhost) == (shown.broker.pk, shown.vhost):
        old, sent = shown.like, done.sent
        store.note_run_again(shown.user, shown.broker.name, shown.vhost, old.uuid, uuid, given.get("task", ""), sent.outcome, sent.reason, shown.now)
    if done and done.sent.outcome in ("confirmed", "unknown"):
        sending.stored_task(shown.broker, shown.vhost, uuid)
    return HttpResponseRedirect(f"{shown.address}&sent={event.pk}" if event else shown.address)


def _page(request: HttpRequest) -> SendPage:
    shell = shell_of(request)
    return SendPage(shell.scope, request.user, shell.brokers, shell.broker, shell.vhost, timezone.now())


def _too_large(request: HttpRequest, why: str) -> HttpResponse:
    """The form again, empty: what was posted is not even read."""
    shown = _page(request)
    words = f"{why}, and {json_fields.LARGEST_CHARACTERS:,} characters of arguments. Nothing was sent."
    shown.problems = {"args": [words]}
    return render(request, "send/index.html", {"page": shown, "now": shown.now, "topics": shown.topics}, status=413)
