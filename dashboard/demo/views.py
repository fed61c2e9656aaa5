"""The page "Plant a problem", and its two forms. Outside of the demo there is none of it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from dashboard.demo import planting
from dashboard.demo.page import PlantsPage
from dashboard.layout.frame import shell_of
from workers.demo.plants.catalog import PLANTS
from workers.demo.plants.protocol import PlantFiles


def _files() -> PlantFiles:
    files = planting.files()
    if files is None:
        raise Http404("This is not the demo.")
    return files


@never_cache
def page(request: HttpRequest) -> HttpResponse:
    shown = PlantsPage(shell_of(request).scope, _files(), planting.may_plant(request.user), timezone.now())
    template = "demo/_plants.html" if request.GET.get("part") == "all" else "demo/plants.html"
    return render(request, template, {"page": shown, "now": shown.now})


@require_POST
def change(request: HttpRequest, key: str, action: str) -> HttpResponse:
    files = _files()
    if key not in PLANTS or action not in planting.ACTIONS:
        raise Http404("There is no such plant.")
    if not planting.plant(request.user, files, key, action, timezone.now()):
        raise PermissionDenied
    return redirect("plants")
