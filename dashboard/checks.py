"""System checks: what must hold before a production start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register(deploy=True)
def production_is_safe(**_: Any) -> list[CheckMessage]:
    """DEBUG and a short secret refuse the start."""
    problems: list[CheckMessage] = []
    if settings.DEBUG:
        problems.append(Error("DEBUG is on.", hint="Unset HARELINE_DEBUG.", id="hareline.E001"))
    if len(settings.SECRET_KEY) < 32:
        problems.append(Error("The secret key is too short.", hint="Remove secret_key from the data directory; a new one is made.", id="hareline.E002"))
    return problems
