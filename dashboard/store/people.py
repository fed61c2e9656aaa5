"""The only writer of what people own: API tokens, and the admin that is made at the start.

Readers are in `dashboard.queries`. Every function is one short transaction.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import structlog
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.utils import timezone

from brokers.database import engine
from dashboard.models import ApiToken, CacheEntry, User
from dashboard.people.tokens import digest, fresh
from dashboard.store import rights
from dashboard.store.audit import DONE, audit

log = structlog.get_logger(__name__)

ADMIN, ENVIRONMENT_TOKEN = "admin", "HARELINE_API_TOKEN"
TOUCH_AT_MOST_EVERY = timedelta(minutes=1)


def trim_cache(now: datetime) -> int:
    """How many expired entries of the cache were deleted; Django itself does so only once there are too many."""
    return CacheEntry.objects.filter(expires__lt=now).delete()[0]


def once(key: str, seconds: float) -> bool:
    """True the first time within so many seconds, counted across all web processes. Raises DatabaseError if that can't be stored."""
    return cache.add(key, True, seconds)


def make_token(user: User, name: str, now: datetime, token: str | None = None) -> str:
    """A new token for the API; it can't be read again later. `token` gives one that was chosen elsewhere (HARELINE_API_TOKEN).

    A chosen token replaces the user's other tokens of that name, so that changing the variable ends the old token.
    """
    plain = token or fresh()
    with transaction.atomic():
        if token:
            ApiToken.objects.filter(name=name).exclude(sha256=digest(plain)).delete()
        ApiToken.objects.update_or_create(
            sha256=digest(plain), defaults={"user": user, "name": name}, create_defaults={"user": user, "name": name, "created_at": now}
        )
    return plain


def touch_token(token: ApiToken, address: str, now: datetime) -> None:
    """Notes that the token was used and from where, at most once a minute, only if the database can be written at once: a call that reads
    neither waits nor fails because of it. The next call tries again."""
    if token.last_used_at is not None and now - token.last_used_at < TOUCH_AT_MOST_EVERY:
        return
    try:
        with engine.waiting_at_most(0):
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now, last_used_from=address[:64])
    except DatabaseError as error:
        log.debug("the use of a token was not noted", reason=str(error))


def ensure_admin(password: str) -> str | None:
    """Makes sure that the user `admin` exists and may do everything; the password that was made up for a new one, else None.

    `password` is HARELINE_ADMIN_PASSWORD or "": then an existing user keeps the password it has. The same password again changes
    nothing, so that its sessions go on.
    """
    with transaction.atomic():
        admin, created = User.objects.get_or_create(username=ADMIN, defaults={"is_superuser": True, "is_staff": True})
        made_up = secrets.token_urlsafe(12) if created and not password else None
        wanted = password or made_up
        if wanted and (created or not (admin.has_usable_password() and admin.check_password(wanted))):
            rights.set_password(admin, wanted)
            _noted("add person" if created else "change password", ADMIN)
        if password:
            User.objects.filter(pk=admin.pk).update(is_active=True, is_superuser=True)
    return made_up


def set_environment_token(token: str, now: datetime) -> None:
    """Makes `token` (HARELINE_API_TOKEN) the one token with the admin's rights that comes from the environment; "" takes it back."""
    with transaction.atomic():
        before = set(ApiToken.objects.filter(name=ENVIRONMENT_TOKEN).values_list("sha256", flat=True))
        if token:
            make_token(User.objects.get(username=ADMIN), ENVIRONMENT_TOKEN, now, token)
        else:
            ApiToken.objects.filter(name=ENVIRONMENT_TOKEN).delete()
        if before != ({digest(token)} if token else set()):
            _noted("make token" if token else "revoke token", ENVIRONMENT_TOKEN)


def _noted(action: str, name: str) -> None:
    audit(None, action, DONE, timezone.now(), user_name="command line", name=name, detail={"command": "prepare"})
