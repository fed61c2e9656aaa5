"""Leases and heartbeats of Hareline's processes.

A lease is a row with an expiry: of several processes of a kind only its holder works. The others stand by and take it when it expires, or at
once when its holder was a process of this machine that has ended. Which of several is to take it: `brokers.polling.share`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from brokers.database.rows import RowsOf
from brokers.models import Heartbeat, Lease
from brokers.polling import holders

FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Facts:
    """What a process reports of itself with each heartbeat, as the fields of `Heartbeat` have it."""

    started_at: datetime | None = None
    version: str | None = None
    brokers: Sequence[str] | None = None
    facts: Mapping[str, Any] | None = None


NOTHING_REPORTED = Facts()


def take(name: str, holder: str, now: datetime, seconds: float) -> bool:
    """True if `holder` has the lease until `now + seconds`: it was free or expired, its holder has ended, or the holder already had it (it is then
    renewed)."""
    expires_at = now + timedelta(seconds=seconds)
    with transaction.atomic():
        lease, created = Lease.objects.select_for_update().get_or_create(name=name, defaults={"holder": holder, "expires_at": expires_at, "taken_at": now})
        if created:
            return True
        if lease.holder != holder and lease.expires_at > now and not holders.has_ended(lease.holder):
            return False
        since = {} if lease.holder == holder else {"taken_at": now}
        Lease.objects.filter(pk=lease.pk).update(holder=holder, expires_at=expires_at, **since)
        return True


def take_all(names: Collection[str], holder: str, now: datetime, seconds: float) -> set[str]:
    """Those of the leases that `holder` has until `now + seconds`, as `take`: in one transaction, with one statement for all that it had already."""
    if not names:
        return set()
    with transaction.atomic():
        Lease.objects.filter(name__in=names, holder=holder).update(expires_at=now + timedelta(seconds=seconds))
        held = set(Lease.objects.filter(name__in=names, holder=holder).values_list("name", flat=True))
        return held | {name for name in sorted(set(names) - held) if take(name, holder, now, seconds)}


def release(name: str, holder: str) -> None:
    """Frees the lease at once if `holder` has it, so that a process standing by need not wait for the expiry."""
    Lease.objects.filter(name=name, holder=holder).delete()


def holder_of(name: str, now: datetime) -> str | None:
    """The holder of the lease; None if it is free."""
    return Lease.objects.filter(name=name, expires_at__gt=now).values_list("holder", flat=True).first()


def all_leases(prefix: str = "") -> list[Lease]:
    """Every lease whose name begins so, those that expired too, by name."""
    return list(Lease.objects.filter(name__startswith=prefix).order_by("name"))


def beat(
    kind: str,
    holder: str,
    now: datetime,
    standby: bool = False,
    problem: str = "",
    reported: Facts = NOTHING_REPORTED,
    measured: Mapping[str, Any] | None = None,
) -> None:
    """Records that a process runs, and why it cannot do its work, "" if it can. Others of its kind that were silent for an hour are removed."""
    stored = {"at": now, "standby": standby, "problem": problem, "ended_at": None, "measured": measured, **vars(reported)}
    with transaction.atomic():
        Heartbeat.objects.update_or_create(kind=kind, holder=holder, defaults=stored)
        Heartbeat.objects.filter(kind=kind, at__lt=now - FORGOTTEN_AFTER).delete()


def note_end(kind: str, holder: str, now: datetime) -> None:
    """Records that the process ends in good order, so that nobody misses it."""
    Heartbeat.objects.filter(kind=kind, holder=holder).update(ended_at=now)


def heartbeats(kind: str = "") -> list[Heartbeat]:
    """The last heartbeat of each process, of one kind if that is given, latest first."""
    return _HEARTBEATS.read("WHERE kind = %s ORDER BY at DESC" if kind else "ORDER BY at DESC", [kind] if kind else [])


_HEARTBEATS = RowsOf(Heartbeat)
