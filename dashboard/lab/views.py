"""The page "Lab", an experiment's page, and the forms that start, change and stop one."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from dashboard import queries
from dashboard.lab import action as lab
from dashboard.lab.page import ExperimentPage, LabPage
from dashboard.layout.fragments import polled, vary_on_htmx
from dashboard.layout.frame import shell_of
from dashboard.models import LabExperiment
from workers.lab.catalog import PATTERNS

ACTS: Mapping[str, str] = {"change": lab.CHANGE, "stop": lab.STOP, "prolong": lab.PROLONG}


@require_GET
@vary_on_htmx
def page(request: HttpRequest) -> HttpResponse:
    shown = _page(request)
    template = "lab/_experiments.html" if request.GET.get("part") == "experiments" else "lab/index.html"
    return render(request, template, {"page": shown, "now": shown.now})


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Starts an experiment with its usual knobs, and shows it."""
    broker, pattern, now = request.POST.get("broker", ""), request.POST.get("pattern", ""), timezone.now()
    if why := lab.why_not(request.user, broker):
        lab.note_refusal(request.user, lab.START, broker, pattern, why, now)
        raise PermissionDenied(why)
    if pattern not in PATTERNS:
        raise Http404("There is no such pattern.")
    made = lab.start(request.user, broker, pattern, now)
    if isinstance(made, str):
        shown = _page(request, made)
        return render(request, "lab/index.html", {"page": shown, "now": shown.now}, status=409 if lab.unsuitable(broker, pattern) else 429)
    return redirect("lab_experiment", pk=made.pk)


@require_GET
@vary_on_htmx
def experiment(request: HttpRequest, pk: int) -> HttpResponse:
    """An experiment; `?part=live`: what is measured alone, until it has ended."""
    shown = ExperimentPage(request.user, _found(request, pk), timezone.now())
    if request.GET.get("part") == "live":
        return render(request, "lab/_live.html", {"page": shown, "now": shown.now}, status=polled(request, shown.goes_on))
    return render(request, "lab/experiment.html", {"page": shown, "now": shown.now})


@require_POST
def change(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Turns the knobs of an experiment, prolongs or stops it."""
    found, now = _found(request, pk), timezone.now()
    if act not in ACTS:
        raise Http404("There is no such action.")
    if why := lab.why_not(request.user, found.broker):
        lab.note_refusal(request.user, ACTS[act], found.broker, PATTERNS[found.pattern].name, why, now)
        raise PermissionDenied(why)
    if act != "change":
        (lab.stop if act == "stop" else lab.prolong)(request.user, found)
        return redirect("lab_experiment", pk=pk)
    shown = ExperimentPage(request.user, found, now, {name: value for name, value in request.POST.items() if isinstance(value, str)})
    if shown.problems:
        return render(request, "lab/experiment.html", {"page": shown, "now": now}, status=422)
    lab.change(request.user, found, shown.read(shown.given)[0])
    return redirect("lab_experiment", pk=pk)


def _page(request: HttpRequest, problem: str = "") -> LabPage:
    shell = shell_of(request)
    return LabPage(shell.scope, request.user, [broker.name for broker in shell.brokers], timezone.now(), problem)


def _found(request: HttpRequest, pk: int) -> LabExperiment:
    found = queries.experiment(shell_of(request).scope, pk)
    if found is None or found.pattern not in PATTERNS:
        raise Http404("There is no such experiment, or you may not see it.")
    return found
