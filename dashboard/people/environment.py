"""The variables by which people log in elsewhere. Raises ImproperlyConfigured with a sentence that names the variable, as `dashboard.environment` does."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured

from dashboard.people import providers


def oidc_providers(variables: Mapping[str, str]) -> tuple[providers.Provider, ...]:
    """Where people may log in by OpenID Connect; none if it is not set."""
    try:
        return providers.parse(variables)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


def header(variables: Mapping[str, str], name: str) -> str:
    """The name of a request header in lower case; "" if it is not set."""
    found = variables.get(name, "").lower()
    if found and not re.fullmatch(r"[a-z0-9-]+", found):
        raise ImproperlyConfigured(f"{name}: expected the name of a header such as X-Remote-User, got {found!r}")
    return found
