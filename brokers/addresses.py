"""The brokers that HARELINE_BROKERS names: their addresses and credentials, parsed.

Pure. The grammar: `[name=]URL[|URL…]` comma-separated; `, | =` inside a part are percent-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

import msgspec

from brokers.errors import InvalidAddress

_SCHEMES = {"http": 15672, "https": 15671}


class BrokerAddress(msgspec.Struct, frozen=True):
    """A broker: `urls` of its nodes' management APIs without credentials ("http://host:15672"), and the login."""

    name: str
    urls: tuple[str, ...]
    user: str
    password: str
    amqp_url: str | None = None  # HARELINE_BROKER_AMQP_<NAME>, with credentials, without a virtual host
    metrics_urls: tuple[str, ...] = ()  # HARELINE_BROKER_METRICS_<NAME>

    def __repr__(self) -> str:  # never the password, not even in a traceback
        return f"BrokerAddress({self.name!r}, {self.urls!r}, user={self.user!r})"


def variable_suffix(name: str) -> str:
    """The `<NAME>` of a broker in HARELINE_BROKER_AMQP_<NAME>: upper case, other characters `_`.

    >>> variable_suffix("rabbit-1:15672")
    'RABBIT_1_15672'
    """
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def parse_brokers(text: str, environment: Mapping[str, str]) -> tuple[BrokerAddress, ...]:
    """The brokers in the order of HARELINE_BROKERS; () for an empty text. Raises InvalidAddress, which names the entry, never a password.

    >>> parse_brokers("prod=https://u:p@a:15671|https://u:p@b:15671", {})[0].urls
    ('https://a:15671', 'https://b:15671')
    """
    brokers: list[BrokerAddress] = []
    taken: dict[str, str] = {}
    for position, entry in enumerate((part.strip() for part in text.split(",")), start=1):
        if not entry:
            continue
        broker = _entry(entry, position, environment)
        suffix = variable_suffix(broker.name)
        if suffix in taken:
            raise InvalidAddress(
                f"HARELINE_BROKERS: the brokers {taken[suffix]!r} and {broker.name!r} cannot be distinguished as HARELINE_BROKER_…_{suffix}; rename one"
            )
        taken[suffix] = broker.name
        brokers.append(broker)
    return tuple(brokers)


def _entry(entry: str, position: int, environment: Mapping[str, str]) -> BrokerAddress:
    named = re.match(r"([^=:/@|]+)=(.*)", entry, re.DOTALL)
    name, urls_text = (unquote(named[1]).strip(), named[2]) if named else ("", entry)
    where = f"HARELINE_BROKERS, entry {position}" + (f" ({name})" if name else "")
    urls, credentials = [], set()
    for url_text in urls_text.split("|"):
        try:
            url = urlsplit(url_text.strip())
            port = url.port
        except ValueError:
            raise InvalidAddress(f"{where}: the port or host of the URL is not valid") from None
        if url.scheme not in _SCHEMES or not url.hostname:
            raise InvalidAddress(f"{where}: expected http://user:password@host:15672 or https://…, an address of the management API")
        if url.query or url.fragment:
            raise InvalidAddress(f"{where}: the URL must not contain ? or #; percent-encode them in the password")
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        urls.append(f"{url.scheme}://{host}:{port or _SCHEMES[url.scheme]}{url.path.rstrip('/')}")
        credentials.add((unquote(url.username or "guest"), unquote(url.password or ("" if url.username else "guest"))))
    if len(credentials) > 1:
        raise InvalidAddress(f"{where}: all addresses of one broker need the same user and password")
    (user, password), first = credentials.pop(), urlsplit(urls[0])
    name = name or f"{first.hostname}:{first.port}"
    return BrokerAddress(
        name,
        tuple(urls),
        user,
        password,
        amqp_url=_amqp(name, user, password, environment),
        metrics_urls=tuple(url for url in environment.get(f"HARELINE_BROKER_METRICS_{variable_suffix(name)}", "").split("|") if url),
    )


def _amqp(name: str, user: str, password: str, environment: Mapping[str, str]) -> str | None:
    variable = f"HARELINE_BROKER_AMQP_{variable_suffix(name)}"
    text = environment.get(variable, "").strip()
    if not text:
        return None
    try:
        url = urlsplit(text)
        port = url.port or (5671 if url.scheme == "amqps" else 5672)
    except ValueError:
        raise InvalidAddress(f"{variable}: the port or host of the URL is not valid") from None
    if url.scheme not in ("amqp", "amqps") or not url.hostname:
        raise InvalidAddress(f"{variable}: expected amqp://user:password@host:5672 or amqps://…")
    if url.path.strip("/"):
        raise InvalidAddress(f"{variable}: omit the virtual host; Hareline watches all that are visible")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    login = f"{url.username}:{url.password or ''}" if url.username else f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"{url.scheme}://{login}@{host}:{port}"
