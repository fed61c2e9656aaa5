"""What is secret of a target, encrypted (`dashboard.encryption`)."""

from __future__ import annotations

import json
from typing import Any

from dashboard import encryption


class Unreadable(Exception):
    """`str()` is a sentence."""

    def __init__(self) -> None:
        super().__init__("its address can’t be decrypted by the keys of this process; enter it again, or restore HARELINE_SECRETS_KEY")


def encrypted(value: dict[str, Any]) -> str:
    return encryption.encrypt(json.dumps(value))


def decrypted(token: str) -> dict[str, Any]:
    """Raises Unreadable where none of today's keys made it."""
    try:
        found: dict[str, Any] = json.loads(encryption.decrypt(token))
    except encryption.Undecryptable:
        raise Unreadable from None
    return found


def rotated(token: str) -> str:
    """The same, encrypted by the first key; as it is where that was done already. Raises Unreadable."""
    try:
        return encryption.rotated(token)
    except encryption.Undecryptable:
        raise Unreadable from None
