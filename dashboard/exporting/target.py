"""Where figures are written to: the variables HARELINE_REMOTE_WRITE_…, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import msgspec
from django.core.exceptions import ImproperlyConfigured

NAME = "HARELINE_REMOTE_WRITE_URL"


class RemoteTarget(msgspec.Struct, frozen=True):
    """A store that takes Prometheus' remote write. `every_seconds`: the least time between two moments that are written."""

    host: str
    port: int
    path: str
    tls: bool
    user: str
    password: str
    token: str
    every_seconds: float

    def __repr__(self) -> str:
        return f"RemoteTarget({self.address!r})"  # wherever it is printed, without credentials

    @property
    def address(self) -> str:
        """What may be shown: neither credentials nor the query, which may hold a key."""
        return f"{'https' if self.tls else 'http'}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}{self.path.partition('?')[0]}"

    @property
    def key(self) -> str:
        """Under which it is remembered what was written: the address with its query, without credentials, as a fingerprint."""
        return blake2b(f"{self.host} {self.port} {self.path}".encode(), person=b"hareline-write", digest_size=16).hexdigest()


def remote_target(variables: Mapping[str, str], every_seconds: float) -> RemoteTarget | None:
    """None if HARELINE_REMOTE_WRITE_URL is not set. Raises ImproperlyConfigured with one sentence, without the address: it may hold a password."""
    url, token = variables.get(NAME, ""), variables.get("HARELINE_REMOTE_WRITE_TOKEN", "")
    if not url:
        if token:
            raise ImproperlyConfigured(f"HARELINE_REMOTE_WRITE_TOKEN is set without {NAME}")
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        _refuse()
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        _refuse()
    if parts.username and token:
        raise ImproperlyConfigured(f"{NAME} has a user and HARELINE_REMOTE_WRITE_TOKEN is set; keep one")
    if not (token.isascii() and token.isprintable()):
        raise ImproperlyConfigured("HARELINE_REMOTE_WRITE_TOKEN: expected a token of printable ASCII characters")
    return RemoteTarget(
        host=parts.hostname,
        port=port,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        tls=parts.scheme == "https",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        token=token,
        every_seconds=every_seconds,
    )


def _refuse() -> NoReturn:
    raise ImproperlyConfigured(f"{NAME}: expected an address such as https://metrics.example.com/api/v1/write, percent-encoded where needed")
