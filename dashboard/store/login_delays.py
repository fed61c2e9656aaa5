"""The only writer of how long a login waits. Counts are shared by all web processes; the rule is in `dashboard.people.login_delays`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from dashboard.models import LoginDelay
from dashboard.people import login_delays
from dashboard.people.login_delays import key

ALL_NAMES = ""


@dataclass(frozen=True)
class LoginTry:
    """A password that may be checked now, or `wait` until then; `first` is True for the first try that waits since the last wrong password of this name
    there, or of the address where its pace is why."""

    name: str
    source: str
    address: str  # whose pace it counts for; "" for a known browser
    wait: timedelta = timedelta(0)
    first: bool = False


def begin_login(name: str, address: str, browser: str, now: datetime) -> LoginTry:
    """Counts the try as a wrong password before it is checked, so that many at the same moment don't pass as one; `end_login` takes it back.
    One that has to wait isn't counted. `browser` is the number of a known browser, or ""."""
    by_address = key(settings.SECRET_KEY, "address", login_delays.counted_address(address))
    source = key(settings.SECRET_KEY, "browser", browser) if browser else by_address
    tried = LoginTry(key(settings.SECRET_KEY, "name", name), source, "" if browser else by_address)
    with transaction.atomic():
        pace = _row(ALL_NAMES, by_address, now) if tried.address else None
        paced_wait, paced_until = login_delays.paced(pace.free_at, now) if pace else (timedelta(0), now)
        pair = LoginDelay.objects.select_for_update().filter(name=tried.name, source=source).first()
        if pair is None and pace and paced_wait > timedelta(0):
            return _waiting(tried, pace, paced_wait)  # of names beyond the pace nothing is stored, however many are tried
        pair = pair or _row(tried.name, source, now)
        forgotten = abs(now - pair.failed_at) > login_delays.FORGOTTEN_AFTER
        failures = 0 if forgotten else pair.failures
        wait = timedelta(0) if forgotten else min(pair.free_at - now, login_delays.LONGEST)
        if max(wait, paced_wait) > timedelta(0):
            return _waiting(tried, pair if wait > timedelta(0) or pace is None else pace, max(wait, paced_wait))
        pair.failures, pair.failed_at, pair.refused = failures + 1, now, False
        pair.free_at = now + login_delays.delay(pair.failures)
        pair.save()
        if pace:
            pace.failed_at, pace.free_at, pace.refused = now, paced_until, False
            pace.save()
    return tried


def end_login(tried: LoginTry) -> None:
    """The password was right: what was counted of this name there is forgotten, and the pace of the address is as before."""
    with transaction.atomic():
        pace = LoginDelay.objects.select_for_update().filter(name=ALL_NAMES, source=tried.address).first() if tried.address else None
        LoginDelay.objects.filter(name=tried.name, source=tried.source).delete()
        if pace:
            pace.free_at -= login_delays.EVERY
            pace.save(update_fields=["free_at"])


def notes_refusal(address: str, now: datetime) -> bool:
    """Whether one more login by a provider that failed is recorded for the address, at the pace of wrong passwords: anybody can request that address."""
    source = key(settings.SECRET_KEY, "provider", login_delays.counted_address(address))
    with transaction.atomic():
        pace = _row(ALL_NAMES, source, now)
        wait, until = login_delays.paced(pace.free_at, now)
        if wait > timedelta(0):
            return False
        pace.failed_at, pace.free_at = now, until
        pace.save()
    return True


def unlock(name: str) -> int:
    """How many places need no longer wait with this name: `manage.py people unlock`."""
    return LoginDelay.objects.filter(name=key(settings.SECRET_KEY, "name", name)).delete()[0]


def trim_login_delays(now: datetime) -> int:
    """How many were deleted that no longer count."""
    return LoginDelay.objects.filter(failed_at__lt=now - login_delays.FORGOTTEN_AFTER).delete()[0]


def _waiting(tried: LoginTry, by: LoginDelay, wait: timedelta) -> LoginTry:
    """The try, which waits for the sake of this row."""
    if not by.refused:
        LoginDelay.objects.filter(pk=by.pk).update(refused=True)
    return LoginTry(tried.name, tried.source, tried.address, wait, not by.refused)


def _row(name: str, source: str, now: datetime) -> LoginDelay:
    return LoginDelay.objects.select_for_update().get_or_create(name=name, source=source, defaults={"failed_at": now, "free_at": now})[0]
