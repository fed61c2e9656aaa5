"""The address of a target, by its kind: read from a form, split into what is secret and what may be shown.

Stored encrypted, by kind: apprise {"url"}; webhook {"url", "key"}; heartbeat {"url"}; mail {"password"}, whose other parts are no secrets:
{"host", "port", "security", "user", "sender", "recipients"}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from brokers.characters import is_storable
from dashboard.layout.typed_numbers import whole_number
from dashboard.models import Target
from dashboard.notifications.outside.guard import why_not_host

SECURITY = ("starttls", "tls", "none")
_MAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")
MOST_RECIPIENTS = 50
SHORTEST_KEY = 16
TEXTS = ("url", "key", "host", "port", "user", "password", "sender", "recipients")


class Address(msgspec.Struct, frozen=True):
    """`secret` is to be encrypted; None keeps what is stored. `shown` is what people see of it."""

    secret: dict[str, Any] | None
    options: dict[str, Any]
    shown: str


class Problem(Exception):
    """What is wrong with a field: `field` and a sentence."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def read(kind: str, given: Mapping[str, str], known: Target | None, loopback: bool) -> Address:
    """The address of a form; of a `known` target what is left empty stays. Raises Problem."""
    for field in TEXTS:
        if not is_storable(given.get(field, "")):
            raise Problem(field, "It holds a character that can't be stored.")
    if kind == Target.MAIL:
        return _mail(given, known, loopback)
    url = given.get("url", "").strip()
    if not url and known is None:
        raise Problem("url", "Enter the address.")
    if kind == Target.APPRISE:
        if url and not re.match(r"[a-z][a-z0-9+.-]*://.", url, re.IGNORECASE):
            raise Problem("url", "Expected an address of apprise, such as slack://… or tgram://….")
        return Address({"url": url} if url else None, {}, f"{url.partition('://')[0].lower()}://…")
    shown = _web(url, loopback) if url else ""
    if kind == Target.HEARTBEAT:
        return Address({"url": url} if url else None, {}, shown)
    return _webhook(url, given.get("key", ""), known, shown)


def _webhook(url: str, key: str, known: Target | None, shown: str) -> Address:
    if key and len(key) < SHORTEST_KEY:
        raise Problem("key", f"Expected at least {SHORTEST_KEY} characters that nobody can guess, or none.")
    if key and not url and known is not None:
        raise Problem("url", "Enter the address too: both are stored together.")
    if url and known is not None and known.options.get("signed") and not key:
        raise Problem("key", "Enter the key too: both are stored together.")
    return Address({"url": url, "key": key} if url else None, {"signed": bool(key)} if url else dict(known.options) if known else {}, shown)


def _web(url: str, loopback: bool) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Problem("url", "This is no web address.") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\x00-\x20\x7f-\U0010ffff]", url):
        raise Problem("url", "Expected an address that begins with https:// or http://, in ASCII.")
    if parts.username is not None:
        raise Problem("url", "An address with a user or password is not supported.")
    if why := why_not_host(host, loopback):
        raise Problem("url", f"This address is not permitted: {why}.")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}/…"


def _mail(given: Mapping[str, str], known: Target | None, loopback: bool) -> Address:
    host = given.get("host", "").strip()
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", host):
        raise Problem("host", "Expected the name of an SMTP server, such as smtp.example.com.")
    if why := why_not_host(host, loopback):
        raise Problem("host", f"This server is not permitted: {why}.")
    port = whole_number(given.get("port", ""))
    if port is None or not 0 < port < 65536:
        raise Problem("port", "Expected a port from 1 to 65535; usual are 587 and 465.")
    if given.get("security") not in SECURITY:
        raise Problem("security", "Choose one of them.")
    sender = given.get("sender", "").strip()
    if not _MAIL.fullmatch(sender) or not sender.isascii():
        raise Problem("sender", "Expected one address, such as hareline@example.com.")
    recipients = [one for one in re.split(r"[\s,;]+", given.get("recipients", "")) if one]
    wrong = [one for one in recipients if not _MAIL.fullmatch(one) or not one.isascii()]
    if wrong or not 0 < len(recipients) <= MOST_RECIPIENTS:
        raise Problem("recipients", f"{wrong[0][:80]} is no address." if wrong else f"Expected 1 to {MOST_RECIPIENTS} addresses, separated by commas.")
    user, password = given.get("user", "").strip(), given.get("password", "")
    if user and given.get("security") == "none":
        raise Problem("user", "A password is sent only over TLS: choose STARTTLS or TLS, or no user.")
    if user and not password and (known is None or known.options.get("user") != user or known.options.get("host") != host):
        raise Problem("password", "Enter the password of this user.")
    options = {"host": host, "port": port, "security": given["security"], "user": user, "sender": sender, "recipients": recipients}
    secret = {"password": password} if password or not user or known is None else None
    return Address(secret, options, f"{', '.join(recipients[:3])}{' …' if len(recipients) > 3 else ''} by {host}")


def whole(target: Target, secret: Mapping[str, Any]) -> dict[str, Any]:
    """What `dashboard.notifications.sending` needs."""
    return {**target.options, **secret}
