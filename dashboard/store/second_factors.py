"""Takes second factors away from a person who has lost them, and encrypts them by another key. Setting them up is allauth's (`dashboard.accounts`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from allauth.mfa.models import Authenticator
from django.db import transaction

SECRET_OF = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}
"""Where a factor's data has what is encrypted. A security key has no secret here."""


def forget_second_factors(user_id: int) -> int:
    """How many were removed, recovery codes included."""
    return Authenticator.objects.filter(user_id=user_id).delete()[0]


def encrypt_anew(again: Callable[[str], str]) -> int:
    """How many secrets of second factors `again` encrypted anew; one that it can't read (LookupError) stays as it is."""
    changed = 0
    for pk in Authenticator.objects.filter(type__in=SECRET_OF).values_list("pk", flat=True):
        with transaction.atomic():
            factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
            field = SECRET_OF[Authenticator.Type(factor.type)] if factor else ""
            if factor is None or field not in factor.data:
                continue
            with suppress(LookupError):
                secret = again(factor.data[field])
                if secret != factor.data[field]:
                    factor.data[field] = secret
                    factor.save(update_fields=["data"])
                    changed += 1
    return changed
