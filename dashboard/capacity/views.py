"""The matrix of queues and nodes, and the page of capacity, with their fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.capacity.capacity_page import CapacityPage
from dashboard.capacity.matrix_page import MatrixPage
from dashboard.layout.addresses import ListAddress
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page


@one_moment()
def matrix(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=matrix` only the matrices."""
    shell = shell_of(request)
    shown = MatrixPage(shell.scope, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, timezone.now())
    if request.GET.get("part") == "matrix":
        return render(request, "capacity/_matrix.html", {"page": shown})
    return render(request, "capacity/matrix.html", {"page": shown, **live_page(shown.topics, brokers=shell.brokers, scope=shell.scope)})


@one_moment()
def capacity(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=capacity` only its tables."""
    shell = shell_of(request)
    shown = CapacityPage(shell.scope, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, timezone.now())
    if request.GET.get("part") == "capacity":
        return render(request, "capacity/_capacity.html", {"page": shown})
    return render(request, "capacity/capacity.html", {"page": shown, **live_page(shown.topics, brokers=shell.brokers, scope=shell.scope)})
