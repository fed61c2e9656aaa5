"""The page that revokes tasks, the order that it sends, and the page of an order."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from dashboard import queries
from dashboard.layout import changing
from dashboard.layout.fragments import polled, vary_on_htmx
from dashboard.layout.frame import shell_of
from dashboard.revoke import action as revoking
from dashboard.revoke.page import RevokePage
from dashboard.revoke.result_page import ResultPage


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """What revoking the chosen tasks will do, to be confirmed; without a choice, the forms for ids and for a stamped header. Nothing is sent."""
    shown = _page(request, request.POST if request.method == "POST" else request.GET)
    return render(request, "revoke/index.html", {"page": shown, "now": shown.now}, status=422 if shown.wrong_choice else 200)


@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Sends once what was confirmed, then shows what came of it."""
    shown = _page(request, request.POST)
    if not shown.permitted or (shown.refusal[0] and shown.refusal[1] == 403):
        why = shown.refusal[0] or "You may not revoke these tasks."
        place = (shown.place.broker.name, shown.place.vhost) if shown.place else (request.POST.get("broker", ""), request.POST.get("vhost", ""))
        changing.note_refusal(revoking.CHANGE, request.user, *place, ", ".join(shown.chosen.uuids[:5]), why, shown.now)
        raise PermissionDenied(why)
    plan = shown.confirmed()
    if plan is None or shown.place is None:
        status = 503 if shown.refusal[0] else shown.problem_status if shown.problem else 422
        return render(request, "revoke/index.html", {"page": shown, "now": shown.now}, status=status)
    done = revoking.run(request.user, shown.place, plan, shown.tasks)
    return redirect("revocation", pk=done.event.pk)


@vary_on_htmx
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """An order; `?part=seen`: its answers and tasks alone, until nothing more is to be seen."""
    scope, event = shell_of(request).scope, queries.audit_event(pk, revoking.ACTION)
    if event is None or not event.detail.get("hostnames"):
        raise Http404("There is no such order, or you may not see it.")
    if not scope.covers(event.broker, event.vhost) and not (event.user_id == request.user.pk and scope.touches(event.broker, event.vhost)):
        raise Http404("There is no such order, or you may not see it.")
    shown = ResultPage(scope, event, timezone.now())
    if request.GET.get("part") == "seen":
        return render(request, "revoke/_seen.html", {"result": shown, "now": shown.now}, status=polled(request, shown.goes_on))
    return render(request, "revoke/result.html", {"result": shown, "now": shown.now})


def _page(request: HttpRequest, given: QueryDict) -> RevokePage:
    shell = shell_of(request)
    return RevokePage(shell.scope, request.user, given, shell.broker, shell.vhost, timezone.now())
