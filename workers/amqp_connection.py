"""AMQP connections to a virtual host, and py-amqp's errors in our words. Used by `receiver` and `control` alone."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from amqp import Connection
from amqp.basic_message import Message
from amqp.channel import Channel
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed, NotFound, ResourceLocked
from django.conf import settings
from kombu.utils.url import parse_url

from brokers import spoken_protocol, tls_failures
from workers.amqp_tls import tls_options
from workers.errors import NothingThere, Refused, Unreachable

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
HEARTBEAT_SECONDS = 20
READ_BYTES = 8192
_PATIENT = {socket.TCP_USER_TIMEOUT: int(ANSWER_SECONDS * 1000)} if hasattr(socket, "TCP_USER_TIMEOUT") else {}
"""py-amqp would give a connection up when a busy broker takes nothing for one second."""


class Target(msgspec.Struct, frozen=True):
    """Where to connect. `url` holds the password and is in no message. `refusal`: why nothing may be sent there, "" if something may."""

    url: str
    vhost: str
    ca_file: str | None = None
    refusal: str = ""

    def __repr__(self) -> str:  # not even in a traceback
        return f"Target({self.place!r}, {self.vhost!r})"

    @property
    def place(self) -> str:
        """host:port."""
        parts = parse_url(self.url)
        return f"{parts['hostname']}:{parts['port']}"

    @property
    def user(self) -> str:
        return str(parse_url(self.url)["userid"])

    def refuse(self) -> None:
        """Raises Refused where nothing may be sent."""
        if self.refusal:
            raise Refused(self.refusal, "address")


def open_connection(targets: Sequence[Target], purpose: str) -> Connection:
    """A connection to the first target that answers (the nodes of a cluster). `purpose` is in the name that the broker shows of it."""
    for position, target in enumerate(targets, start=1):
        target.refuse()
        try:
            return _connected(target, purpose)
        except (OSError, Unreachable):
            if position == len(targets):
                raise
    raise Unreachable("no address is known")


def raw_channel(connection: Connection) -> Channel:
    """A channel that hands bodies out as bytes, whatever encoding their senders claim."""
    channel = connection.channel()
    channel.auto_decode = False
    return channel


def existing_exchanges(connection: Connection, names: Iterable[str], kind: str) -> tuple[str, ...]:
    """Which of these exchanges exist. The broker closes a channel that names one that does not."""
    channel, found = raw_channel(connection), []
    for name in names:
        try:
            channel.exchange_declare(name, kind, passive=True)
            found.append(name)
        except NotFound:
            channel = raw_channel(connection)
    channel.close()
    return tuple(found)


def can_address(connection: Connection, queue: str) -> bool:
    """Whether we may publish to the default exchange, by which single queues are reached. Tried with a message to `queue`, which is ours and ignores it."""
    channel = raw_channel(connection)
    try:
        channel.basic_publish(Message(b""), "", queue)
        channel.queue_declare(queue, passive=True)
    except AccessRefused:
        return False
    channel.close()
    return True


def bind_where_possible(connection: Connection, queue: str, exchanges: Iterable[str]) -> None:
    """Binds our queue to these exchanges as far as we may read them: what is sent there reaches a queue then, whoever else is there."""
    channel = raw_channel(connection)
    try:
        for exchange in exchanges:
            channel.queue_bind(queue, exchange)
    except AccessRefused:
        return
    channel.close()


def _connected(target: Target, purpose: str) -> Connection:
    parts = parse_url(target.url)
    connection = Connection(
        host=f"{parts['hostname']}:{parts['port']}",
        userid=parts["userid"],
        password=parts["password"],
        virtual_host=target.vhost,
        ssl=tls_options(target.ca_file, parts["hostname"]) if parts["transport"] == "amqps" else False,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        write_timeout=ANSWER_SECONDS,
        heartbeat=HEARTBEAT_SECONDS,
        socket_settings=_PATIENT,
        client_properties={"product": "Hareline", "product_version": settings.VERSION, "connection_name": f"hareline {purpose}"},
    )
    try:
        connection.connect()
    except BaseException as error:
        connection.collect()
        if isinstance(error, Exception) and (wrong := wrong_port(target, error)):
            raise Unreachable(wrong) from error
        raise
    _read_in_large_pieces(connection)
    return connection


def wrong_port(target: Target, error: Exception) -> str:
    """A sentence where connecting failed because the port speaks something else than the address says; "" if it does not, or nothing suggests it."""
    if isinstance(error, ConnectionRefusedError | socket.gaierror | AccessRefused | NotAllowed | ssl.SSLCertVerificationError):
        return ""
    parts = parse_url(target.url)
    return spoken_protocol.mistaken(parts["transport"], spoken_protocol.spoken_at(parts["hostname"], parts["port"]), target.place)


def _read_in_large_pieces(connection: Connection) -> None:
    """py-amqp reads three times a frame, a few bytes each; it keeps what comes beyond, so larger reads cost nothing else."""
    transport = connection.transport
    receive = transport._quick_recv
    transport._quick_recv = lambda size: receive(max(size, READ_BYTES))


def close_connection(connection: Connection) -> None:
    """Closes it in good order if it still works, and its socket in any case."""
    with contextlib.suppress(OSError, AMQPError):  # it may be broken already
        connection.close()
    connection.collect()


@contextlib.contextmanager
def explained(target: Target) -> Iterator[None]:
    """Raises what py-amqp raises as `workers.errors`, with a sentence."""
    try:
        yield
    except AccessRefused as error:
        raise _refused(error, target) from error
    except NotAllowed as error:
        raise Refused(f"AMQP at {target.place}: the virtual host {target.vhost} is not open to the user {target.user}", "vhost") from error
    except NotFound as error:
        raise NothingThere(f"AMQP at {target.place}: {_reason(error)}") from error
    except ResourceLocked as error:
        raise Unreachable(f"AMQP at {target.place}: {_reason(error)}") from error
    except (AMQPError, OSError) as error:
        raise Unreachable(f"no AMQP connection to {target.place}: {_reason(error)}") from error


def _refused(error: AccessRefused, target: Target) -> Refused:
    reason = _reason(error)
    if "login" in reason.lower():
        return Refused(f"AMQP at {target.place} refused the login of the user {target.user}", "login")
    return Refused(f"the broker refused it: {reason}", "permission")


def _reason(error: Exception) -> str:
    """The error's own words: the broker's text without its code, or the system's; of OpenSSL's, what they mean."""
    if tls := tls_failures.tls_text([error]):
        return f"TLS failed: {tls}"
    unnamed = "timed out" if isinstance(error, TimeoutError) else type(error).__name__
    text = getattr(error, "message", "") or getattr(error, "strerror", "") or str(error) or unnamed
    return " ".join(str(text).split())[:300]
