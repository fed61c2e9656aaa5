"""The page that changes worker nodes, the order that it sends, and the page of an order."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard import queries
from dashboard.control import action as control
from dashboard.control.order_page import OrderPage
from dashboard.control.page import ControlPage
from dashboard.layout.fragments import polled, vary_on_htmx
from dashboard.layout.frame import shell_of


def page(request: HttpRequest) -> HttpResponse:
    """The forms for the chosen nodes; with an action and its arguments, what it will do, to be confirmed."""
    shown = ControlPage(shell_of(request).scope, request.user, request.GET, timezone.now())
    return render(request, "control/index.html", {"page": shown, "now": shown.now}, status=422 if shown.problems else 200)


@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Sends once what was confirmed, then shows what came of it."""
    shown = ControlPage(shell_of(request).scope, request.user, request.POST, timezone.now())
    if not control.may(request.user, shown.broker_name, shown.vhost) or (shown.refusal[0] and shown.refusal[1] == 403):
        why = shown.refusal[0] or "Name a broker."
        control.note_refusal(request.user, shown.broker_name, shown.vhost, ", ".join(shown.hostnames[:5]), why, shown.now)
        raise PermissionDenied(why)
    if shown.refusal[0] or shown.broker is None or not shown.confirmed() or shown.plan is None:
        status = 503 if shown.refusal[0] else shown.problem_status if shown.problem else 422
        return render(request, "control/index.html", {"page": shown, "now": shown.now}, status=status)
    done = control.run(request.user, shown.broker, shown.vhost, shown.plan, shown.now)
    return redirect("worker_order", pk=done.event.pk)


@vary_on_htmx
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """An order; `?part=nodes`: its nodes alone, until nothing more is to be seen."""
    scope, event = shell_of(request).scope, queries.audit_event(pk, control.ACTION)
    if event is None or not event.detail.get("hostnames") or not scope.covers(event.broker, event.vhost):
        raise Http404("There is no such order, or you may not see it.")
    shown = OrderPage(scope, event, timezone.now())
    if request.GET.get("part") == "nodes":
        return render(request, "control/_nodes.html", {"order": shown, "now": shown.now}, status=polled(request, shown.goes_on))
    return render(request, "control/order.html", {"order": shown, "now": shown.now})
