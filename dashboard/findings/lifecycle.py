"""From what rules report in a round to what happens to findings: opened, changed, closed, back again.

Pure. A finding opens once it was seen for as long as its rule requires, rises at once, and falls or closes only when it was lower or gone for a while, so that
numbers that go up and down make no noise. What can't be assessed (the broker is away, the rule failed) changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from dashboard.findings.rule import Evidence, Found, Unsure
from dashboard.layout.levels import WORST_FIRST, Word, rank

RETURNS_WITHIN = timedelta(minutes=10)
"""What is back so soon after it closed is the same finding: it is opened again, and only who was notified that it is over is notified."""
FALLS_AFTER = timedelta(minutes=1)
"""So long it must be seen at a lower level before its level falls."""


EXPLAINS_ON = timedelta(minutes=1)
"""So long what a finding explained stays under it after it is cured: a queue drains, and is polled, later than its worker is back."""


class Known(Protocol):
    """A stored finding: a row of `dashboard.models.Finding`."""

    pk: int
    under_id: int | None
    identity: str
    rule: str
    level: str
    kind: str
    vhost: str
    name: str
    opened_at: datetime
    absent_since: datetime | None
    lower_since: datetime | None
    closed_at: datetime | None

    @property
    def title(self) -> str: ...


class Pending(msgspec.Struct, frozen=True):
    """Seen, but not yet for long enough to be opened."""

    since: datetime
    seen_at: datetime


class Step(msgspec.Struct, frozen=True):
    """What to store of one finding. `found` is None where it was not seen: then `what` is absent, unsure or closed.

    opened: a new row. returned: the row that closed lately is open again. seen: what was found is stored anew, at `level`. absent: not seen, not yet for
    long enough. unsure: `why` it can't be assessed.
    """

    what: Literal["opened", "returned", "seen", "absent", "unsure", "closed"]
    identity: str
    found: Found | None
    level: Word = "ok"
    lower_since: datetime | None = None
    absent_since: datetime | None = None
    why: str = ""
    under: str = ""


class Round(msgspec.Struct, frozen=True):
    """What the rules reported: findings by identity; by rule why some of its objects, or (a rule that failed) all of them, can't be assessed."""

    found: Mapping[str, Found]
    unsure: Mapping[str, Sequence[Unsure]]


def advance(
    open_now: Mapping[str, Known],
    closed_lately: Mapping[str, Known],
    round: Round,
    pending: dict[str, Pending],
    now: datetime,
    times: Callable[[str], tuple[timedelta, timedelta]],
    elsewhere: Collection[str] = (),
) -> list[Step]:
    """What to store after a round. `times` returns (opens after, clears after) of a rule. `pending` is kept by the caller from round to round, and changed
    here: when it is lost, as with a restart, findings open that much later. `elsewhere`: identities that are pending in the round about Hareline itself."""
    steps = []
    for key, found in sorted(round.found.items(), key=lambda item: bool(item[1].under)):  # what explains others first
        known = open_now.get(key)
        if known is not None:
            steps.append(_seen(known, found, now))
        elif found.under in pending or found.under in elsewhere:  # it opens no sooner than what explains it, or it would stand alone until then
            _may_open(key, found, pending, now, timedelta.max)
        elif _may_open(key, found, pending, now, times(found.rule)[0]):
            pending.pop(key, None)
            steps.append(Step("returned" if key in closed_lately else "opened", key, found, found.level))
    for key in [key for key in pending if key not in round.found]:
        del pending[key]
    for key, known in open_now.items():
        if key not in round.found:
            steps.append(_missing(known, round.unsure.get(known.rule, ()), now, times(known.rule)[1]))
    return _raised(_closed_together(steps, open_now), open_now, now)


def _closed_together(steps: Sequence[Step], open_now: Mapping[str, Known]) -> list[Step]:
    """What is gone already closes with the finding that explains it."""
    closed = {open_now[step.identity].pk for step in steps if step.what == "closed"}
    return [msgspec.structs.replace(step, what="closed") if step.what == "absent" and open_now[step.identity].under_id in closed else step for step in steps]


def _raised(steps: Sequence[Step], open_now: Mapping[str, Known], now: datetime) -> list[Step]:
    """A cause is at least as bad as what it explains: that is not listed, counted or notified by itself, so it would hide under a cause of a lower level."""
    by_pk = {known.pk: known for known in open_now.values()}
    made = {step.identity: step for step in steps}
    changed = True
    while changed:  # a cause may be explained itself
        changed = False
        for step in list(made.values()):
            cause = made.get(_cause_of(step, open_now, by_pk))
            level = _word(open_now[step.identity].level) if step.found is None else step.found.level
            if step.what == "closed" or cause is None or cause.found is None or rank(cause.found.level) <= rank(level):
                continue
            why = _shown(step.found, open_now.get(step.identity))
            found = msgspec.structs.replace(cause.found, level=level, evidence=[*cause.found.evidence, Evidence("Explains", why, source=f"which is {level}")])
            known = open_now.get(cause.identity)
            made[cause.identity] = _seen(known, found, now) if known is not None else msgspec.structs.replace(cause, found=found, level=level)
            changed = True
    return list(made.values())


def _cause_of(step: Step, open_now: Mapping[str, Known], by_pk: Mapping[int, Known]) -> str:
    """The identity of what explains it, "" of nothing: of what is not seen now, what did before."""
    under = step.under if step.found is None else step.found.under
    if under or step.found is not None:
        return under
    before = open_now[step.identity].under_id
    return by_pk[before].identity if before is not None and before in by_pk else ""


def _shown(found: Found | None, known: Known | None) -> str:
    return found.whole_title if found is not None else known.title if known is not None else ""


def explains_on(cause: Known, now: datetime) -> bool:
    """Whether a finding that is not seen any more, or closed a moment ago, still explains what was under it."""
    if cause.closed_at is None:
        return cause.absent_since is not None
    return timedelta(0) <= now - cause.closed_at < EXPLAINS_ON


def _may_open(key: str, found: Found, pending: dict[str, Pending], now: datetime, opens_after: timedelta) -> bool:
    first = pending.get(key, Pending(now, now)).since
    pending[key] = Pending(min(first, now), now)  # the clock may have been set back
    return now - pending[key].since >= opens_after


def _seen(known: Known, found: Found, now: datetime) -> Step:
    if rank(found.level) <= rank(known.level):  # worse or the same
        return Step("seen", known.identity, found, found.level)
    lower_since = now if known.lower_since is None else min(known.lower_since, now)
    if now - lower_since >= FALLS_AFTER:
        return Step("seen", known.identity, found, found.level)
    return Step("seen", known.identity, found, _word(known.level), lower_since)


def _missing(known: Known, unsure: Iterable[Unsure], now: datetime, clears_after: timedelta) -> Step:
    reason = next((one for one in unsure if one.covers(known.kind, known.vhost, known.name)), None)
    if reason is not None:
        return Step("unsure", known.identity, None, why=reason.why, under=reason.under)
    absent_since = now if known.absent_since is None else min(known.absent_since, now)
    what: Literal["closed", "absent"] = "closed" if now - absent_since >= clears_after else "absent"
    return Step(what, known.identity, None, absent_since=absent_since)


def earlier(known: tuple[datetime | None, bool], found: tuple[datetime | None, bool]) -> tuple[datetime | None, bool]:
    """(since when, or earlier) of an open finding: a later beginning, as of numbers that were passed on, does not take the place of the known one.

    >>> earlier((datetime(2026, 11, 24), False), (None, False))[0].day
    24
    """
    if known[0] is None or (found[0] is not None and found[0] <= known[0]):
        return found
    return known


def worse(one: str, other: str) -> str:
    """
    >>> worse("notice", "critical")
    'critical'
    """
    return min(one, other, key=rank)


def _word(level: str) -> Word:
    return next(word for word in WORST_FIRST if word == level)
