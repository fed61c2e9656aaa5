"""Encrypts what is secret in the database by the keys of HARELINE_SECRETS_KEY: the first one encrypts, each of them decrypts."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Undecryptable(LookupError):
    """None of today's keys made it."""


def encrypt(text: str) -> str:
    return _box().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Raises Undecryptable."""
    try:
        return _box().decrypt(token.encode()).decode()
    except InvalidToken:
        raise Undecryptable("no key decrypts it") from None


def rotated(token: str) -> str:
    """The same secret, encrypted by the first key; as it is where that was done already. Raises Undecryptable."""
    try:
        Fernet(settings.SECRETS_KEYS[0]).decrypt(token.encode())
    except InvalidToken:
        return encrypt(decrypt(token))
    return token


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.SECRETS_KEYS])
