"""Where a broker's AMQP is reached: as configured, else derived from a management URL and the listeners that the broker reports. Never a guess.

Pure. Credentials go over TLS where the management URL is https; where only clear text is offered, or no port is known, the address carries a refusal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from urllib.parse import quote, urlsplit

import msgspec

from brokers.addresses import BrokerAddress, variable_suffix
from brokers.stats import Listener

KEPT_PROTOCOLS = frozenset({"amqp", "amqp/ssl", "http", "https"})
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}


class AmqpAddress(msgspec.Struct, frozen=True):
    """`url` has the credentials and the virtual host. Where `refusal`, a sentence, is set, nothing may be sent there and the URL has no password."""

    url: str
    refusal: str = ""


def addresses(broker: BrokerAddress, listeners: Sequence[Listener], vhost: str) -> list[AmqpAddress]:
    """One for each node that HARELINE_BROKERS names, in its order; those with a refusal only if there are no others.

    >>> addresses(BrokerAddress("demo", ("http://h:15672",), "u", "p"), [Listener("rabbit@h", "amqp", 5672)], "/")
    [AmqpAddress(url='amqp://u:p@h:5672/%2F', refusal='')]
    """
    path = quote(vhost, safe="")
    if broker.amqp_url:
        return [AmqpAddress(f"{broker.amqp_url.rstrip('/')}/{path}")]
    found = list(dict.fromkeys(_derived(broker, url, listeners, path) for url in broker.urls))
    return [one for one in found if not one.refusal] or found


def remembered(was: Iterable[Listener], now: Iterable[Listener], nodes: Collection[str]) -> list[Listener]:
    """The listeners of all nodes: the broker leaves out those of a node that is down, which come back with it."""
    reported = list(now)
    answered = {listener.node for listener in reported}
    return sorted((*reported, *(one for one in was if one.node in nodes and one.node not in answered)), key=msgspec.structs.astuple)


def _derived(broker: BrokerAddress, url: str, listeners: Sequence[Listener], path: str) -> AmqpAddress:
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    plain, tls = _ports(parts.scheme, parts.port, listeners)
    refusal = ""
    if plain is None and tls is None:
        refusal = _unknown(broker, host, parts.scheme, bool(listeners))
    elif parts.scheme == "https" and tls is None:
        refusal = _clear_text(broker, host, plain)
    if refusal:
        return AmqpAddress(f"amqp://{quote(broker.user, safe='')}@{host}:{plain or DEFAULT_PORTS['amqp']}/{path}", refusal)
    scheme, port = ("amqps", tls) if parts.scheme == "https" or plain is None else ("amqp", plain)
    return AmqpAddress(f"{scheme}://{quote(broker.user, safe='')}:{quote(broker.password, safe='')}@{host}:{port}/{path}")


def _ports(scheme: str, port: int | None, listeners: Sequence[Listener]) -> tuple[int | None, int | None]:
    """The AMQP ports without and with TLS of the node whose management API has this port; of any node where that is not one node's alone."""
    nodes = {listener.node for listener in listeners if (listener.protocol, listener.port) == (scheme, port)}
    own = [listener for listener in listeners if listener.node in nodes] if len(nodes) == 1 else listeners
    first = {listener.protocol: listener.port for listener in reversed(own)}
    return first.get("amqp"), first.get("amqp/ssl")


def _variable(broker: BrokerAddress) -> str:
    return f"HARELINE_BROKER_AMQP_{variable_suffix(broker.name)}"


def _unknown(broker: BrokerAddress, host: str, scheme: str, reports_others: bool) -> str:
    why = (
        "the broker reports no listener for it"
        if reports_others
        else f"the broker reports no listeners, because the user {broker.user!r} lacks the monitoring tag or the broker's management statistics are off"
    )
    example = f"amqps://{host}:{DEFAULT_PORTS['amqps']}" if scheme == "https" else f"amqp://{host}:{DEFAULT_PORTS['amqp']}"
    return f"the AMQP port of {broker.name} is unknown: {why}; no password is sent to a guessed port; name it, for example {_variable(broker)}={example}"


def _clear_text(broker: BrokerAddress, host: str, port: int | None) -> str:
    return (
        f"AMQP at {broker.name} is in clear text only (port {port}), but its management URL is https, so the password is not sent; "
        f"{_variable(broker)}=amqp://{host}:{port} permits it, a TLS listener at the broker makes it unnecessary"
    )
