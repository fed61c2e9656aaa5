"""The groups of kinds of failures in a virtual host, made where they are new: a bounded number, whatever exceptions hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db.models import QuerySet

from workers.failure_groups import OTHERS, Kind
from workers.models import FailureGroup

MOST_GROUPS = 2000


class Limits(msgspec.Struct, frozen=True):
    """`groups` of a virtual host: what would be beyond them is in the group of all others. `messages` of the same exception at the same place: further ones are
    one group. `names`: of so many tasks and worker nodes a group has counts of their own. `at_once`: so many failures are one transaction."""

    groups: int = MOST_GROUPS
    messages: int = 20
    names: int = 50
    at_once: int = 1000


LIMITS = Limits()


class Groups:
    """For one transaction. `kinds`: those that will be looked for."""

    def __init__(self, broker_id: int, vhost: str, kinds: Sequence[Kind], limits: Limits = LIMITS) -> None:
        self._broker_id, self._vhost, self._limits = broker_id, vhost, limits
        there = FailureGroup.objects.filter(broker_id=broker_id, vhost=vhost)
        wanted = {kind.fingerprint for kind in kinds} | {kind.with_any_message.fingerprint for kind in kinds} | {OTHERS.fingerprint}
        self._known = _in_parts(there, sorted(wanted))
        self._total, self._messages = 0, Counter[tuple[str, str]]()
        new = [kind for kind in kinds if kind.fingerprint not in self._known]
        if new:
            self._total = there.count()
            self._messages = Counter(there.values_list("exception", "place"))

    def key_of(self, kind: Kind, at: datetime) -> int:
        """The primary key of the group of a kind, or of what it is counted with. `at`: when it failed."""
        found = self._known.get(kind.fingerprint)
        if found is not None:
            return found
        at_place = kind.exception, kind.place
        any_message = kind.with_any_message
        if self._messages[at_place] >= self._limits.messages or any_message.fingerprint in self._known:
            kind = any_message
        if kind.fingerprint not in self._known and self._total >= self._limits.groups:
            kind = OTHERS
        if kind.fingerprint not in self._known:
            made = FailureGroup.objects.create(
                broker_id=self._broker_id, vhost=self._vhost, fingerprint=kind.fingerprint, exception=kind.exception, place=kind.place,
                message=kind.message, first_at=at, last_at=at,
            )  # fmt: skip
            self._known[kind.fingerprint] = made.pk
            self._total += 1
            self._messages[at_place] += 1
        return self._known[kind.fingerprint]


def _in_parts(there: QuerySet[FailureGroup], fingerprints: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(fingerprints), 500):
        some = fingerprints[start : start + 500]
        found |= dict(there.filter(fingerprint__in=some).values_list("fingerprint", "pk"))
    return found
