"""Second factors as allauth keeps them, with their secrets encrypted."""

from __future__ import annotations

import secrets
from base64 import b32encode
from functools import cached_property

import structlog
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

log = structlog.get_logger(__name__)


def rotated(token: str) -> str:
    """The same secret, encrypted by the first key of HARELINE_SECRETS_KEY; as it is where that was done already. Raises LookupError: no key decrypts it."""
    keys = [Fernet(key) for key in settings.SECRETS_KEYS]
    try:
        keys[0].decrypt(token.encode())
    except InvalidToken:
        try:
            return keys[0].encrypt(MultiFernet(keys).decrypt(token.encode())).decode()
        except InvalidToken:
            raise LookupError("no key decrypts it") from None
    return token


class FactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": "The code is wrong, was used already, or its time is over."}

    @cached_property
    def _box(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in settings.SECRETS_KEYS])

    def encrypt(self, text: str) -> str:
        return self._box.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Where the key is lost, a secret that nobody has: no code is right then, and a manager can remove the factor."""
        try:
            return self._box.decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            log.error("a second factor can't be decrypted with the present secrets key")
            return b32encode(secrets.token_bytes(20)).decode()

    def _get_site_name(self) -> str:
        return "Hareline"
