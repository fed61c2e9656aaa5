"""A round that decides who is to be notified of what, and stores the messages to send: one transaction, nothing is sent here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog
from django.db import DatabaseError, IntegrityError

from dashboard import queries, store
from dashboard.findings.open_now import worst_first
from dashboard.models import Target
from dashboard.notifications.choosing import digest_is_due
from dashboard.notifications.decisions import decide
from dashboard.notifications.targets import checked, schedule_of, selection_of

log = structlog.get_logger(__name__)
Done = TypeVar("Done")
AT_LEAST_EVERY_SECONDS = 5.0
LEAST_GROUP_SECONDS = 5.0
"""So long a message waits at least: what explains its findings may be found a round or two later, and is the message then."""
_OPENINGS = ("opened", "returned")


class Planner:
    """Looks at once when something happened to a finding, and every few seconds for what only time brings: hours that begin, silences that end, repeats."""

    def __init__(self, least_group_seconds: float = LEAST_GROUP_SECONDS) -> None:
        self._least_group_seconds = least_group_seconds
        self._looked = float("-inf")  # by a clock that nobody sets
        self._logged: dict[int, str] = {}  # by target: the last error that its planning raised

    def round(self, now: datetime) -> int:
        """How many findings were put into messages. Raises DatabaseError; then nothing was stored."""
        events = queries.unplanned_events()
        if not events and time.monotonic() - self._looked < AT_LEAST_EVERY_SECONDS:
            return 0
        targets = [one for one in queries.targets() if one.kind != Target.HEARTBEAT and not one.paused]
        recipients = self._of_each(targets, lambda one: checked(one, now))
        new = {one.finding_id for one in events if one.kind in _OPENINGS}
        findings = queries.findings_to_decide(new) if recipients else []
        silences = queries.silences(now) if findings else []
        decisions, why_not = decide(recipients, findings, queries.notices(findings), new, queries.silenced(findings, silences), now)
        planned = 0
        if decisions or events:
            groups = {one.pk: max(one.group_seconds, self._least_group_seconds) for one in targets}
            try:
                planned = store.save_decisions(decisions, events, why_not, groups, now)
            except IntegrityError:  # a target or finding was removed meanwhile, or another process decided the same
                log.info("what to notify of changed meanwhile; it is decided anew")
                return 0
        self._of_each(targets, lambda one: _digest(one, now))
        self._looked = time.monotonic()
        return planned

    def _of_each(self, targets: Sequence[Target], work: Callable[[Target], Done]) -> list[Done]:
        """What the work returned. A target of which it raises is logged, once for each error, and the others go on; its row on the page says so too."""
        found = []
        self._logged = {pk: error for pk, error in self._logged.items() if any(one.pk == pk for one in targets)}
        for target in targets:
            try:
                found.append(work(target))
            except DatabaseError:
                raise
            except Exception as error:
                if self._logged.get(target.pk) != repr(error):
                    log.exception("nothing can be planned for a target", target=target.name)
                self._logged[target.pk] = repr(error)
        return found


def _digest(target: Target, now: datetime) -> None:
    if digest_is_due(target.digest_hour, schedule_of(target).zone, target.digest_at, now):
        silences, selection = queries.silences(now), selection_of(target)
        found = [one for one in queries.unexplained_open() if selection.matches(one, one.broker.name if one.broker else "")]
        quiet = queries.silenced(found, silences)
        store.plan_digest(target, worst_first([one for one in found if one.pk not in quiet]), now)
