"""The only reader of experiments of the lab."""

from __future__ import annotations

from collections.abc import Sequence

from brokers.scope import Scope
from dashboard.models import LabExperiment

SHOWN = 20


def experiment(scope: Scope, pk: int) -> LabExperiment | None:
    """One, whose virtual host may be viewed as a whole."""
    found = LabExperiment.objects.filter(pk=pk).first()
    return found if found is not None and scope.covers(found.broker, found.vhost) else None


def active_experiments(scope: Scope) -> list[LabExperiment]:
    """Those that have not ended, the earliest first."""
    return _visible(scope, list(LabExperiment.objects.filter(state__in=LabExperiment.ACTIVE).order_by("pk")))


def ended_experiments(scope: Scope) -> list[LabExperiment]:
    """The latest SHOWN that have ended, of those that are kept."""
    return _visible(scope, list(LabExperiment.objects.filter(state=LabExperiment.ENDED).order_by("-pk").defer("measured")))[:SHOWN]


def _visible(scope: Scope, found: Sequence[LabExperiment]) -> list[LabExperiment]:
    return [one for one in found if scope.covers(one.broker, one.vhost)]
