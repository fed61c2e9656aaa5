"""Which addresses Hareline may connect to for a notification, and what code that it does not know may do. Only the standard library.

The check is made by an audit hook of the process at the moment of each connection, with the address that was resolved: so it holds for names that resolve
to something else later, for redirects, and for libraries that make requests of their own.
"""

from __future__ import annotations

import ipaddress
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "fd00:ec2::254",  # Amazon, over IPv6
        "fd20:ce::254",  # Google, over IPv6
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle
    )
)
METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"})
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class NotPermitted(OSError):
    """`str()` says why, as a clause."""


def why_not(address: str, loopback: bool) -> str:
    """Why no connection may be made to an IP address, "" if it may. `loopback`: this machine is permitted.

    >>> why_not("169.254.169.254", False), why_not("::ffff:169.254.0.1", True), why_not("10.0.0.1", False), why_not("127.0.0.1", True)
    ('it is link-local', 'it is link-local', '', '')
    """
    try:
        ip = _real(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return "it is no IP address"
    if ip.is_loopback:
        return "" if loopback else "it is this machine (HARELINE_NOTIFY_LOOPBACK permits it)"
    if ip.is_link_local:
        return "it is link-local"
    if ip in METADATA:
        return "it is the metadata service of a cloud"
    if ip.is_unspecified or ip.is_multicast or ip == ipaddress.ip_address("255.255.255.255") or (ip.version == 4 and ip.packed[0] == 0):
        return "it is no address of a host"
    return ""


def why_not_host(host: str, loopback: bool) -> str:
    """As `why_not`, of a host as a person typed it; a name is checked again once it is resolved."""
    name = host.strip("[]").rstrip(".").lower()
    if name in METADATA_NAMES:
        return "it is the metadata service of a cloud"
    if name == "localhost" or name.endswith(".localhost"):
        return why_not("127.0.0.1", loopback)
    why = why_not(name, loopback)
    return "" if why == "it is no IP address" else why


def _real(ip: IP) -> IP:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour or ip
    if ip.teredo:
        return ip.teredo[1]
    if ip in _TRANSLATED or (ip.packed[:12] == bytes(12) and int(ip) > 1):  # the second: IPv4-compatible
        return ipaddress.IPv4Address(ip.packed[12:])
    return ip


class Guard:
    """The hook. `refused` are the reasons of connections that were not made."""

    def __init__(self, loopback: bool) -> None:
        self.refused: list[str] = []
        self._loopback = loopback
        self._files_closed = False

    def start(self) -> None:
        """For good: an audit hook can't be removed."""
        sys.addaudithook(self._check)

    def close_files(self) -> None:
        """From now on only Python's own files and certificates may be opened: an address may name a file as its template or key."""
        self._files_closed = True

    def _check(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            self._check_address(arguments[1])
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"):
            raise NotPermitted("it starts a program")
        elif event == "open" and self._files_closed and isinstance(arguments[0], str | bytes) and not _is_own(arguments[0]):
            raise NotPermitted("it opens a file")

    def _check_address(self, address: Any) -> None:
        if address is None:  # of a socket that is connected already
            return
        why = why_not(address[0], self._loopback) if isinstance(address, tuple) and isinstance(address[0], str) else "it is no internet address"
        if why:
            self.refused.append(why)
            raise NotPermitted(why)


_OWN: Sequence[str] = (
    *{str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    *{str(Path(sysconfig.get_path(name))) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).resolve().parent),
    "/etc/ssl/", "/etc/pki/", "/usr/share/ca-certificates/", "/usr/share/zoneinfo/", "/dev/null", "/dev/urandom",
)  # fmt: skip


def _is_own(path: str | bytes) -> bool:
    text = path.decode(errors="replace") if isinstance(path, bytes) else path
    return ".." not in text and (text.startswith(tuple(_OWN)) or text.endswith("/mime.types"))
