"""Who really calls when a proxy stands before Hareline: the client's address and scheme. Pure.

Forwarded headers count only from a peer that HARELINE_TRUSTED_PROXIES names, and are taken out of every request: nothing behind this module can
believe them by mistake.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

UNIX = "unix"
FOR, PROTO = b"x-forwarded-for", b"x-forwarded-proto"
FORWARDED = frozenset({b"forwarded", b"x-real-ip"})
SCHEMES = {"http": {"http": "http", "https": "https"}, "websocket": {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}}


@dataclass(frozen=True)
class TrustedProxies:
    """The peers whose forwarded headers count."""

    networks: tuple[Network, ...] = ()
    unix: bool = False  # whoever connects through a unix socket

    def trust(self, address: Address | None) -> bool:
        """True for the address of a trusted proxy; None is a peer on a unix socket."""
        if address is None:
            return self.unix
        return any(address in network for network in self.networks)


def parse(text: str) -> TrustedProxies:
    """The proxies of a comma-separated list of addresses, networks and `unix`. Raises ValueError with the entry that is none of them.

    >>> parse("10.0.0.0/8, unix").trust(ip_address("10.1.2.3"))
    True
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    networks = []
    for entry in entries:
        if entry.lower() == UNIX:
            continue
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            raise ValueError(entry) from None
    return TrustedProxies(tuple(networks), any(entry.lower() == UNIX for entry in entries))


def address(text: str) -> Address | None:
    """The address of one hop, with or without a port, an IPv4 address in IPv6 form as IPv4; None if it is not an address.

    >>> address("[2001:db8::1]:443"), address("10.0.0.1:80"), address("::ffff:10.0.0.1"), address("unknown")
    (IPv6Address('2001:db8::1'), IPv4Address('10.0.0.1'), IPv4Address('10.0.0.1'), None)
    """
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def client_of(proxies: TrustedProxies, peer: Address | None, hops: list[str]) -> tuple[Address | None, int]:
    """The client's address, and how many of `hops` (X-Forwarded-For, nearest last) were believed to find it.

    Each hop is the peer that the one after it saw, so the first that is no trusted proxy is the client. A hop that is no address ends the search at
    the last proxy that is known.

    >>> client_of(parse("10.0.0.1"), ip_address("10.0.0.1"), ["1.1.1.1", "203.0.113.9"])
    (IPv4Address('203.0.113.9'), 1)
    """
    found, believed = peer, 0
    for hop in reversed(hops):
        if not proxies.trust(found):
            break
        seen = address(hop)
        if seen is None:
            break
        found, believed = seen, believed + 1
    return found, believed


def resolved(proxies: TrustedProxies, scope: dict[str, Any], user_header: str = "") -> dict[str, Any]:
    """The ASGI scope with the client's own address and scheme, and without any forwarded header; `user_header` stays where a trusted proxy sends it."""
    client = scope.get("client")
    peer = address(client[0]) if client else None
    kept = user_header.encode() if proxies.trust(peer) and not (client and peer is None) else b""
    headers = [(name, value) for name, value in scope["headers"] if name.lower() == kept or not (_is_forwarded(name) or _names(name, user_header))]
    if not proxies.trust(peer) or (client and peer is None):
        return {**scope, "headers": headers, "client": [str(peer), client[1]] if peer and client else client}
    found, believed = client_of(proxies, peer, _listed(scope, FOR))
    schemes = _listed(scope, PROTO)
    scheme = schemes[-max(1, min(believed, len(schemes)))] if schemes else ""  # written by the proxy that the client reached, where each adds its own
    known = SCHEMES[scope["type"]]
    changed = {"headers": headers, "client": None if found is None else [str(found), client[1] if client and found == peer else 0]}
    return {**scope, **changed, **({"scheme": known[scheme.lower()]} if scheme.lower() in known else {})}


def behind_proxies(application: Application, proxies: TrustedProxies, user_header: str = "") -> Application:
    """The ASGI application with scopes that are resolved; what is neither HTTP nor a web socket passes as it is."""

    async def answered(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await application(resolved(proxies, scope, user_header) if scope["type"] in SCHEMES else scope, receive, send)

    return answered


def _names(name: bytes, user_header: str) -> bool:
    """True if Django would take it for that header, which it also does of one that is written with underscores."""
    return bool(user_header) and name.lower().replace(b"_", b"-") == user_header.encode()


def _is_forwarded(name: bytes) -> bool:
    return name.lower() in FORWARDED or name.lower().startswith(b"x-forwarded-")


def _listed(scope: dict[str, Any], header: bytes) -> list[str]:
    """The entries of a header that may come several times, each a comma-separated list."""
    text = ",".join(value.decode("latin1") for name, value in scope["headers"] if name.lower() == header)
    return [entry.strip() for entry in text.split(",") if entry.strip()]
