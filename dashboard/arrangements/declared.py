"""Machines as HARELINE_MACHINES declares them: names for addresses, networks, host names of worker nodes and nodes of the broker. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

SHARED = "?"
"""Stands for no machine: behind these addresses are several, as behind a proxy, NAT or a network of containers."""
Network = IPv4Network | IPv6Network


class InvalidMachines(ValueError):
    """A value of HARELINE_MACHINES that can't be used; `str()` is a sentence without the variable's name."""


class Declared(msgspec.Struct, frozen=True):
    """`names`: machine by host name of a worker node or node of the broker, in lower case; `networks`: (network, machine), the narrowest first."""

    names: dict[str, str] = {}
    networks: tuple[tuple[Network, str], ...] = ()

    def of_address(self, address: str) -> str | None:
        """The machine with that address, SHARED behind which there are several; None if it is not declared."""
        found = read_address(address)
        return None if found is None else next((machine for network, machine in self.networks if found in network), None)

    def of_name(self, name: str) -> str | None:
        """The machine of that host name, or of that node of the broker, as a whole or by its host."""
        return self.names.get(name.lower()) or self.names.get(name.lower().rpartition("@")[2])


def parse(text: str) -> Declared:
    """The machines of a comma-separated list. Raises InvalidMachines.

    >>> declared = parse("web-1=10.0.0.5|shop-web-1,mq=rabbit@mq-1,?=10.42.0.0/16")
    >>> declared.of_address("10.0.0.5"), declared.of_name("rabbit@mq-1"), declared.of_address("10.42.7.1"), declared.of_address("10.0.0.6")
    ('web-1', 'mq', '?', None)
    """
    names: dict[str, str] = {}
    networks: dict[Network, str] = {}
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        machine, mark, listed = (part.strip() for part in entry.partition("="))
        hosts = [host.strip() for host in listed.split("|") if host.strip()]
        if not mark or not machine or not hosts:
            raise InvalidMachines(f"expected a machine and its hosts, such as web-1=10.0.0.5|10.1.0.5, got {entry[:80]!r}")
        for host in hosts:
            network = _network(host)
            known = names.get(host.lower()) if network is None else networks.get(network)
            if known not in (None, machine):
                raise InvalidMachines(f"{host[:80]!r} is declared as {known[:80]!r} and as {machine[:80]!r}; keep one")
            if network is None:
                names[host.lower()] = machine
            else:
                networks[network] = machine
    ordered = sorted(networks.items(), key=lambda item: -item[0].prefixlen)
    return Declared(names, tuple(ordered))


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address; one of IPv4 in the form of IPv6 as IPv4; None for a name or nothing.

    >>> read_address("::ffff:10.0.0.1"), read_address("[::1]"), read_address("mq-1")
    (IPv4Address('10.0.0.1'), IPv6Address('::1'), None)
    """
    try:
        found = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _network(text: str) -> Network | None:
    """Raises InvalidMachines for what has a slash and is no network."""
    if (address := read_address(text)) is not None:
        return ip_network(address)
    if "/" not in text:
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise InvalidMachines(f"{text[:80]!r} is neither an address nor a network such as 10.42.0.0/16") from None
