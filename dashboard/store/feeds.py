"""The only writer of tokens of feeds."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError

from brokers.database import engine
from dashboard.models import FeedToken
from dashboard.people.tokens import digest, fresh

log = structlog.get_logger(__name__)
TOUCH_AT_MOST_EVERY = timedelta(minutes=10)


def make_feed_token(user_id: int, name: str, now: datetime) -> str:
    """A new token; it can't be read again later."""
    plain = fresh()
    FeedToken.objects.create(user_id=user_id, name=name, sha256=digest(plain), created_at=now)
    return plain


def revoke_feed_token(user_id: int, pk: int) -> None:
    """The person's own token of this key, if they have it, is gone."""
    FeedToken.objects.filter(user_id=user_id, pk=pk).delete()


def touch_feed_token(token: FeedToken, now: datetime) -> None:
    """Notes now and then that it was used, where the database can be written at once: who reads a feed neither waits nor fails because of it."""
    if token.last_used_at is not None and now - token.last_used_at < TOUCH_AT_MOST_EVERY:
        return
    try:
        with engine.waiting_at_most(0):
            FeedToken.objects.filter(pk=token.pk).update(last_used_at=now)
    except DatabaseError as error:
        log.debug("the use of a feed was not noted", reason=str(error))
