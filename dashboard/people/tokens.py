"""API tokens as text: how one is made, and the only form in which it is kept. Pure."""

from __future__ import annotations

import secrets
from hashlib import sha256


def fresh() -> str:
    """A new token that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The SHA-256 of a token in hexadecimal, which is all that we store of it.

    >>> digest("abc")[:8]
    'ba7816bf'
    """
    return sha256(token.encode()).hexdigest()
