"""The only writer of API tokens that people make for themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from dashboard.models import ApiToken
from dashboard.people.access import Action
from dashboard.people.tokens import digest, fresh


def add_token(user_id: int, name: str, now: datetime, expires_at: datetime | None, actions: Collection[Action], place: Mapping[str, str]) -> str:
    """A new token, good for these actions in the place (broker, vhost, queue: patterns, "" for all) as far as its person may; it can't be read again."""
    plain = fresh()
    ApiToken.objects.create(user_id=user_id, name=name, sha256=digest(plain), created_at=now, expires_at=expires_at, actions=sorted(actions), **place)
    return plain


def revoke_token(user_id: int, pk: int) -> None:
    """The person's own token of this key, if they have it, is gone."""
    ApiToken.objects.filter(user_id=user_id, pk=pk).delete()
