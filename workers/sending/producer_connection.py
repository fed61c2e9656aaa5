"""The connection that a task is sent on: kombu's, to the first node that takes one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from amqp.exceptions import AMQPError
from kombu.connection import Connection
from kombu.exceptions import KombuError
from kombu.utils.url import parse_url

from workers.amqp_connection import CONNECT_SECONDS, Target, explained, wrong_port
from workers.amqp_tls import tls_options
from workers.errors import Unreachable, WatchError

CONFIRM_SECONDS = 5.0


def connected(targets: Sequence[Target]) -> tuple[Connection, Target]:
    """A connection to the first node that takes one; nothing has been sent by then, so trying another is safe."""
    problem: WatchError = Unreachable("no address of the broker is known")
    for target in targets:
        target.refuse()
        connection = _connection(target)
        try:
            with explained(target), own_errors():
                connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
                return connection, target
        except WatchError as error:
            cause = error.__cause__
            wrong = wrong_port(target, cause) if isinstance(error, Unreachable) and isinstance(cause, Exception) else ""
            problem = Unreachable(wrong) if wrong else error
            with contextlib.suppress(OSError, AMQPError, KombuError):
                connection.release()
    raise problem


@contextlib.contextmanager
def own_errors() -> Iterator[None]:
    """Raises the error that kombu wrapped instead of the wrapping."""
    try:
        yield
    except KombuError as error:
        raise error.__cause__ or error from None


def _connection(target: Target) -> Connection:
    parts = parse_url(target.url)
    tls = tls_options(target.ca_file, parts["hostname"]) if parts["transport"] == "amqps" else False
    return Connection(
        parts["hostname"],
        userid=parts["userid"],
        password=parts["password"],
        virtual_host=target.vhost,
        port=parts["port"],
        transport="pyamqp",
        ssl=tls,
        connect_timeout=CONNECT_SECONDS,
        transport_options={
            "confirm_publish": True,
            "read_timeout": CONFIRM_SECONDS,
            "write_timeout": CONFIRM_SECONDS,
            "client_properties": {"product": "Hareline", "connection_name": "hareline send"},
        },
    )
