"""Encrypts what is secret of a target, by the keys of HARELINE_SECRETS_KEY: the first one encrypts, each of them decrypts."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """`str()` is a sentence."""


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.SECRETS_KEYS])


def encrypted(value: dict[str, Any]) -> str:
    return _fernet().encrypt(json.dumps(value).encode()).decode()


def decrypted(token: str) -> dict[str, Any]:
    """Raises Unreadable where none of today's keys made it."""
    try:
        found: dict[str, Any] = json.loads(_fernet().decrypt(token.encode()))
    except InvalidToken:
        raise Unreadable("its address can’t be decrypted by the keys of this process; enter it again, or restore HARELINE_SECRETS_KEY") from None
    return found


def rotated(token: str) -> str:
    """The same, encrypted by the first key; as it is where that was done already. Raises Unreadable."""
    try:
        Fernet(settings.SECRETS_KEYS[0]).decrypt(token.encode())
    except InvalidToken:
        return encrypted(decrypted(token))
    return token
