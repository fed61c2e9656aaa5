"""The only writer of invitations: links by which a person sets their password."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from dashboard.models import Invitation, User
from dashboard.people.tokens import digest, fresh
from dashboard.store import rights

INVITATION_LASTS = timedelta(days=3)


def invite(user: User, now: datetime) -> str:
    """The token of a new link, which can't be read again later; an earlier link of the person stops working."""
    plain = fresh()
    Invitation.objects.update_or_create(user=user, defaults={"sha256": digest(plain), "created_at": now, "expires_at": now + INVITATION_LASTS})
    return plain


def accept_invitation(invitation: Invitation, password: str) -> bool:
    """Sets the password of the person; False if the link was used or replaced meanwhile."""
    with transaction.atomic():
        deleted, _ = Invitation.objects.filter(pk=invitation.pk, sha256=invitation.sha256).delete()
        if deleted:
            rights.set_password(invitation.user, password)
    return bool(deleted)


def trim_invitations(now: datetime) -> int:
    """How many were deleted that have expired."""
    return Invitation.objects.filter(expires_at__lt=now).delete()[0]
