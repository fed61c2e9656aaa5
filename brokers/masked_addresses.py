"""Addresses of other brokers (of shovels, of federation upstreams) without what may be a secret: user, password, options.

Pure. Strict: what is not certainly a host and a port is not shown at all, since a password may hold any character and then looks like another part.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "(address hidden)"
LOCAL_HOSTS = frozenset({"", "localhost", "127.0.0.1", "[::1]"})
"""Those of an address in the broker itself."""
_ADDRESS = re.compile(
    r"(?P<scheme>amqps?)://(?:[^@/?#\s]*@)?(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])?(?P<port>:[0-9]{1,5})?"
    r"(?P<path>/[A-Za-z0-9._%-]*)?(?:\?[^@#\s]*)?"
)


def masked(address: object) -> str:
    """Scheme, host, port and virtual host of an address; of several the first, HIDDEN for whatever else it is, "" for none.

    >>> masked("amqps://mover:s3cret@up.example:5671/prod?password=x")
    'amqps://up.example:5671/prod'
    >>> masked("amqp://mover:pa/ss@up.example"), masked(["amqp://"]), masked(None)
    ('(address hidden)', 'amqp://', '')
    """
    if isinstance(address, list):
        address = address[0] if address else None
    if address is None or address == "":
        return ""
    found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if found is None or ("@" not in str(address) and found["host"] is None and found["port"] is not None):
        return HIDDEN
    return f"{found['scheme']}://{found['host'] or ''}{found['port'] or ''}{found['path'] or ''}"


def host_of(address: str) -> str | None:
    """The host of a masked address; "" for the broker itself (amqp://), None where it is hidden or unknown.

    >>> host_of("amqp://up.example:5672"), host_of("amqp:///shop"), host_of(HIDDEN)
    ('up.example', '', None)
    """
    found = _ADDRESS.fullmatch(address)
    return None if found is None else found["host"] or ""


def vhost_of(address: str) -> str | None:
    """The virtual host that a masked address names, None if it names none.

    >>> vhost_of("amqp:///a%2Fb"), vhost_of("amqp://")
    ('a/b', None)
    """
    found = _ADDRESS.fullmatch(address)
    return unquote(found["path"][1:]) if found is not None and found["path"] else None
