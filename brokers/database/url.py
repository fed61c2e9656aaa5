"""HARELINE_DATABASE_URL for PostgreSQL, read and checked, and what it says when a connection fails. Pure; no sentence holds the password."""

from __future__ import annotations

import re
from itertools import cycle
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("postgres", "postgresql")
OPTIONS = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "gssencmode", "host", "keepalives", "keepalives_count", "keepalives_idle",
        "keepalives_interval", "options", "passfile", "sslcert", "sslcrl", "sslkey", "sslmode", "sslrootcert", "target_session_attrs", "tcp_user_timeout",
    }
)  # fmt: skip
"""Of libpq's own parameters, those that may follow the question mark."""
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# A server that is gone without a word is noticed within half a minute
DEFAULTS = {"application_name": "hareline", "connect_timeout": "5", "keepalives_idle": "15", "keepalives_interval": "5", "tcp_user_timeout": "20000"}
FORM = "postgres://user:password@host:5432/name"
LONGEST_NAME = 63


class InvalidUrl(Exception):
    """One sentence that names the part of the URL."""


def parse(url: str) -> dict[str, Any]:
    """The entry of Django's DATABASES. Raises InvalidUrl.

    >>> entry = parse("postgres://shop:a%40b@db-1,db-2:5433/hareline?sslmode=require&target_session_attrs=read-write")
    >>> entry["USER"], entry["PASSWORD"], entry["HOST"], entry["PORT"], entry["NAME"], entry["OPTIONS"]["sslmode"]
    ('shop', 'a@b', 'db-1,db-2', '5432,5433', 'hareline', 'require')
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidUrl(f"the host can't be read; an IPv6 address stands in brackets, as in {FORM.replace('host', '[::1]')}") from None
    if parts.scheme not in SCHEMES:
        raise InvalidUrl(f"expected sqlite:///path or {FORM}, got the scheme {parts.scheme!r}")
    if "#" in url or "@" in parts.path + parts.query:  # checked first: what follows would else name pieces of the password
        raise InvalidUrl("a character of the user or password is not percent-encoded: / is written %2F, ? %3F, # %23 and @ %40")
    login, at, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    if "@" in login:
        raise InvalidUrl("a character of the user or password is not percent-encoded: @ is written %40")
    if at and not user:
        raise InvalidUrl(f"there is no user before the @, as in {FORM}")
    name = _decoded(parts.path.removeprefix("/"), "name of the database")
    if not name:
        raise InvalidUrl(f"there is no name of a database after the host, as in {FORM}")
    if "/" in name or len(name.encode()) > LONGEST_NAME:
        raise InvalidUrl(f"the name of the database, {name[:80]!r}, holds a slash or is longer than {LONGEST_NAME} bytes")
    options = _options(parts.query)
    hosts, ports = _places(place)
    socket = options.pop("host", "")
    return {
        "ENGINE": "brokers.database.postgresql",
        "NAME": name,
        "USER": _decoded(user, "user"),
        "PASSWORD": _decoded(password, "password"),
        "HOST": socket or hosts,
        "PORT": ports,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**DEFAULTS, **options},
    }


def _decoded(text: str, what: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise InvalidUrl(f"a % in the {what} is written %25")
    found = unquote(text)
    if "\x00" in found:
        raise InvalidUrl(f"the {what} holds a NUL")
    return found


def _places(place: str) -> tuple[str, str]:
    """Hosts and ports, each joined by commas: the first that answers as it should is taken."""
    found = []
    for one in place.split(","):
        matched = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([^:]*))?", one)
        if not matched:
            raise InvalidUrl(f"a host can't be read; an IPv6 address stands in brackets, as in {FORM.replace('host', '[::1]')}")
        host, port = _decoded(matched[1].strip("[]"), "host"), matched[2] or "5432"
        if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise InvalidUrl(f"the port of the host {host!r} is not a number from 1 to 65535")
        found.append((host, port))
    if len(found) > 1 and not all(host for host, _ in found):
        raise InvalidUrl("one of the hosts between the commas is empty")
    return ",".join(host for host, _ in found), ",".join(port for _, port in found)


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        raise InvalidUrl(f"the option {unknown[0]!r} is not known; allowed: {', '.join(sorted(OPTIONS))}")
    for name in ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"):
        if name in options and not (options[name].isascii() and options[name].isdecimal()):
            raise InvalidUrl(f"the option {name} is not a whole number")
    if options.get("sslmode", "prefer") not in SSL_MODES:
        raise InvalidUrl(f"the option sslmode is none of {', '.join(SSL_MODES)}")
    return options


_CAUSES = (
    (r"password authentication failed|no password supplied|authentication failed", "the server does not accept the user {user!r} with this password"),
    (r"role \".*\" does not exist", "there is no user {user!r} on the server"),
    (r"database \".*\" does not exist", "there is no database {name!r} on the server; create it: CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0"),
    (r"permission denied for database", "the user {user!r} may not connect to the database {name!r}"),
    (r"no pg_hba.conf entry|pg_hba.conf rejects", "the server lets nobody in from here as {user!r} on {name!r}; its pg_hba.conf decides that"),
    (r"too many (clients|connections)|remaining connection slots", "the server has no connection left; raise its max_connections or end other clients"),
    (r"is starting up|is shutting down|not yet accepting connections|recovery", "the server {place} is starting or stopping"),
    (r"session is read-only|session is not read-only|server is (not )?in hot standby", "none of the servers {place} is the one that can be written"),
    (r"could not translate host name|[Nn]ame or service not known|resolve", "the host {place} has no address"),
    (r"[Cc]onnection refused|No such file or directory", "nothing listens at {place}"),
    (r"timeout expired|timed out|couldn't get a connection", "{place} does not answer in time"),
    (r"certificate|SSL|TLS", "TLS with {place} fails ({detail})"),
)


def place_of(entry: dict[str, Any]) -> str:
    """Where the database is, for sentences: "db-1:5432"."""
    hosts, ports = entry["HOST"].split(","), entry["PORT"].split(",")
    return " or ".join(f"{host or 'the local socket'}:{port}" for host, port in zip(hosts, cycle(ports), strict=False))


def why(message: str, entry: dict[str, Any]) -> str:
    """Why a connection failed, as the end of a sentence, from libpq's message."""
    facts = {"user": entry["USER"], "name": entry["NAME"], "place": place_of(entry), "detail": _last_line(message)}
    for pattern, sentence in _CAUSES:
        if re.search(pattern, message):
            return sentence.format(**facts)
    return f"the server {facts['place']} can't be used ({facts['detail']})"


def _last_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1].rpartition("FATAL: ")[2].strip() if lines else "no reason given"
