"""Leases and heartbeats of Hareline's processes.

A lease is a row with an expiry: of several processes of a kind only its holder works. The others stand by and take it when it expires, or at
once when its holder was a process of this machine that has ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from brokers.models import Heartbeat, Lease
from brokers.polling import holders

FORGOTTEN_AFTER = timedelta(days=1)


def take(name: str, holder: str, now: datetime, seconds: float) -> bool:
    """True if `holder` has the lease until `now + seconds`: it was free or expired, its holder has ended, or the holder already had it (it is then
    renewed)."""
    expires_at = now + timedelta(seconds=seconds)
    with transaction.atomic():
        lease, created = Lease.objects.select_for_update().get_or_create(name=name, defaults={"holder": holder, "expires_at": expires_at})
        if created:
            return True
        if lease.holder != holder and lease.expires_at > now and not holders.has_ended(lease.holder):
            return False
        Lease.objects.filter(pk=lease.pk).update(holder=holder, expires_at=expires_at)
        return True


def release(name: str, holder: str) -> None:
    """Frees the lease at once if `holder` has it, so that a process standing by need not wait for the expiry."""
    Lease.objects.filter(name=name, holder=holder).delete()


def holder_of(name: str, now: datetime) -> str | None:
    """The holder of the lease; None if it is free."""
    return Lease.objects.filter(name=name, expires_at__gt=now).values_list("holder", flat=True).first()


def beat(kind: str, holder: str, now: datetime, standby: bool = False, problem: str = "") -> None:
    """Records that a process runs, and why it cannot do its work, "" if it can. Processes silent for a day are removed."""
    with transaction.atomic():
        Heartbeat.objects.update_or_create(kind=kind, holder=holder, defaults={"at": now, "standby": standby, "problem": problem})
        Heartbeat.objects.filter(kind=kind, at__lt=now - FORGOTTEN_AFTER).delete()


def heartbeats() -> list[Heartbeat]:
    """The last heartbeat of each process, latest first."""
    return list(Heartbeat.objects.order_by("-at"))
