"""Second factors as allauth keeps them, with their secrets encrypted."""

from __future__ import annotations

import secrets
from base64 import b32encode

import structlog
from allauth.mfa.adapter import DefaultMFAAdapter

from dashboard import encryption

log = structlog.get_logger(__name__)


class FactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": "The code is wrong, was used already, or has expired."}

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Where the key is lost, a secret that nobody has: no code is right then, and a manager can remove the factor."""
        try:
            return encryption.decrypt(encrypted_text)
        except encryption.Undecryptable:
            log.error("a second factor can't be decrypted with the present secrets key")
            return b32encode(secrets.token_bytes(20)).decode()

    def _get_site_name(self) -> str:
        return "Hareline"
