"""HARELINE_RESULTS_<NAME>: where the results of a broker's virtual hosts are read.

Pure. The grammar: `virtual host=URL[|…]`, `*` for every other virtual host; `= |` inside a part are percent-encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import msgspec

EVERY_VHOST = "*"
REDIS, REDIS_TLS, FILE = "redis", "rediss", "file"
CELERY_TABLES, DJANGO_TABLES = "db", "django-db"
"""Of Celery's own database backend (SQLAlchemy), and of django-celery-results."""
_DATABASES = ("sqlite", "postgresql", "postgres")
_RPC = "results by RPC are messages for the program that sent the task, and whoever reads them takes them from it"
_LONGEST = 2000


class InvalidResults(ValueError):
    """`str()` says what is expected, never a password."""


class ResultsAddress(msgspec.Struct, frozen=True):
    """`kind`: REDIS, REDIS_TLS, FILE, CELERY_TABLES or DJANGO_TABLES. `url`: of a database, of a Redis server or of a folder, with its password.
    `prefix`: before the keys of Redis (`global_keyprefix` in `result_backend_transport_options`)."""

    kind: str
    url: str
    prefix: str = ""

    def __repr__(self) -> str:  # never the password, not even in a traceback
        return f"ResultsAddress({self.kind!r})"


def parse(text: str) -> dict[str, ResultsAddress]:
    """{virtual host, or `*`: address}. Raises InvalidResults.

    >>> parse("/shop=redis://h/1|*=django-db+postgresql://u:p@h/shop")["*"]
    ResultsAddress('django-db')
    """
    found: dict[str, ResultsAddress] = {}
    for position, entry in enumerate((part.strip() for part in text.split("|")), start=1):
        if not entry:
            continue
        vhost, mark, url = entry.partition("=")
        if not mark or "://" in vhost:
            raise InvalidResults(f"entry {position}: expected a virtual host and the URL of its result backend, such as /shop=redis://host:6379/0")
        try:
            found[unquote(vhost) or "/"] = _address(unquote_bars(url.strip()))
        except ValueError as error:
            raise InvalidResults(f"entry {position}, {vhost[:80] or '/'}: {error}") from None
    return found


def unquote_bars(url: str) -> str:
    """The bars that the grammar needs encoded; everything else stays as URLs require it."""
    return url.replace("%7C", "|").replace("%7c", "|")


def _address(url: str) -> ResultsAddress:
    if len(url) > _LONGEST:
        raise InvalidResults(f"the URL is longer than {_LONGEST} characters")
    scheme, mark, rest = url.partition("://")
    if not mark and scheme.startswith("rpc"):
        raise InvalidResults(_RPC)
    kind, _, database = scheme.partition("+")
    if kind in (REDIS, REDIS_TLS) and not database:
        return _redis(kind, url)
    if kind == FILE and not database and rest.startswith("/"):
        return ResultsAddress(FILE, unquote(rest))
    if kind in (CELERY_TABLES, DJANGO_TABLES) and database in _DATABASES and rest:
        return ResultsAddress(kind, f"{'sqlite' if database == 'sqlite' else 'postgresql'}://{rest}")
    if kind == "rpc":
        raise InvalidResults(_RPC)
    raise InvalidResults("expected redis://, rediss://, db+postgresql://, db+sqlite:///, django-db+postgresql://, django-db+sqlite:/// or file:///")


def _redis(kind: str, url: str) -> ResultsAddress:
    parts = urlsplit(url)
    try:
        known = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    database = parts.path.strip("/")
    if not known or (database and not database.isdecimal()):
        raise InvalidResults(f"expected {kind}://[user:password@]host[:port][/database]")
    prefix: Mapping[str, list[str]] = parse_qs(parts.query)
    return ResultsAddress(kind, urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), prefix.get("prefix", [""])[0])
