"""Where the processes of an experiment connect: passed to them on their standard input, since it holds a password. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from workers.amqp_tls import tls_options

TRANSPORT = "workers.lab.source_address:Transport"


class Place(msgspec.Struct, frozen=True):
    """`url`: amqp://user:password@host:port, without a virtual host."""

    url: str
    vhost: str
    ca_file: str | None = None

    def __repr__(self) -> str:  # not even in a traceback
        return f"Place({self.vhost!r})"

    @property
    def full_url(self) -> str:
        """
        >>> Place("amqp://u:p@mq:5672/%2F", "hareline.1.lab.2").full_url
        'amqp://u:p@mq:5672/hareline.1.lab.2'
        """
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/{quote(self.vhost, safe='')}"

    @property
    def tls(self) -> dict[str, Any] | None:
        """What kombu takes as `ssl`; None without TLS."""
        parts = urlsplit(self.url)
        if parts.scheme != "amqps":
            return None
        return tls_options(self.ca_file, unquote(parts.hostname or ""))

    def options(self, name: str, address: str) -> dict[str, Any]:
        """Kombu's options of a connection that the broker lists under `name` and that comes from `address`."""
        named = {"product": "Hareline", "connection_name": f"hareline lab {name}"}
        return {"client_properties": named, "source_address": address, "confirm_publish": True}
