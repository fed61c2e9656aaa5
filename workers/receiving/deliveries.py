"""Messages as they come from the socket, many at a time.

py-amqp takes nine reads and some twenty objects for a message. Here the frames of whole deliveries are read in place; every other frame, and a delivery
that has not come whole, goes to py-amqp one by one, which keeps its own buffer, so that both read the same stream in turns.
"""

from __future__ import annotations

import select
from struct import Struct
from typing import Any

import msgspec
from amqp import Connection
from amqp.basic_message import Message
from amqp.exceptions import UnexpectedFrame

READ_BYTES = 65_536
_FRAME = Struct(">BHI")  # type, channel, size of the payload
_METHOD = Struct(">BHIHHB")  # with class, method, and the length of the first argument
_DELIVERED = Struct(">QB")  # delivery tag, redelivered
_HEADER = Struct(">BHIHHQH")  # with class, weight, size of the body, which properties there are
_AROUND = _FRAME.size + 1  # bytes of a frame beside its payload
_FRAME_END = 0xCE
_IS_METHOD, _IS_HEADER, _IS_BODY = 1, 2, 3
_BASIC, _DELIVER = 60, 60
_HAS_CONTENT_TYPE, _HAS_MORE_FLAGS = 0x8000, 0x0001


class Delivery(msgspec.Struct, gc=False):
    body: bytes
    content_type: str | None
    redelivered: bool
    again: bool = False  # handed out before, on a connection that broke before its acknowledgement was certain


class DeliveryReader:
    """Reads one connection; `arrived` has what its channel was delivered."""

    def __init__(self, connection: Connection, channel_id: int) -> None:
        self._connection, self._channel_id = connection, channel_id
        self._content_types: dict[bytes, str] = {}
        self.arrived: list[Delivery] = []
        self.arrived_bytes = 0
        self.tag = 0  # of the last

    def take(self) -> list[Delivery]:
        """What has arrived since the last call."""
        arrived, self.arrived, self.arrived_bytes = self.arrived, [], 0
        return arrived

    def read(self, most: int, most_bytes: int) -> None:
        """Takes what is there or comes first, until `most` messages or `most_bytes` have arrived. Raises what py-amqp raises, TimeoutError too."""
        transport = self._connection.transport
        if transport._read_buffer and self._take_frames(transport, most, most_bytes):
            return
        try:
            received = transport._quick_recv(READ_BYTES)
        except (TimeoutError, BlockingIOError, InterruptedError):
            raise
        except OSError:
            transport.connected = False
            raise
        if not received:
            transport.connected = False
            raise OSError("the broker closed the connection")
        transport._read_buffer += received
        self._take_frames(transport, most, most_bytes)

    def more_waits(self) -> bool:
        """Whether bytes have come that are not read yet."""
        poll = select.poll()
        poll.register(self._connection.transport.sock, select.POLLIN)
        return bool(poll.poll(0))

    def arrive(self, message: Message) -> None:
        """The callback for what py-amqp has read."""
        information = message.delivery_info
        self.tag = information["delivery_tag"]
        body = message.body or b""  # py-amqp gives "" for an empty one
        self.arrived_bytes += len(body)
        self.arrived.append(Delivery(body, message.properties.get("content_type"), information["redelivered"]))

    def _take_frames(self, transport: Any, most: int, most_bytes: int) -> bool:
        """Whether there was a whole frame in what was read."""
        buffer, place, some = transport._read_buffer, 0, False
        while len(self.arrived) < most and self.arrived_bytes < most_bytes:
            after = self._take_delivery(buffer, place)
            if after:
                place, some = after, True
                continue
            if len(buffer) - place < _AROUND:
                break
            kind, channel, size = _FRAME.unpack_from(buffer, place)
            after = place + size + _AROUND
            if after > len(buffer):
                break
            if buffer[after - 1] != _FRAME_END:
                raise UnexpectedFrame(f"a frame ends with {buffer[after - 1]:#04x}")
            transport._read_buffer = buffer[after:]  # it may read on
            self._connection.on_inbound_frame((kind, channel, buffer[place + _FRAME.size : after - 1]))
            buffer, place, some = transport._read_buffer, 0, True
        if place:
            transport._read_buffer = buffer[place:]
            self._connection.bytes_recv += 1  # so that its heartbeats know that something came
        return some

    def _take_delivery(self, buffer: bytes, place: int) -> int:
        """Where the next frame begins after the delivery that begins here; 0 where there is none, or not all of it."""
        end = len(buffer)
        if end - place < _METHOD.size:
            return 0
        kind, channel, size, class_id, method, tag_length = _METHOD.unpack_from(buffer, place)
        if kind != _IS_METHOD or class_id != _BASIC or method != _DELIVER or channel != self._channel_id:
            return 0
        header = place + size + _AROUND
        if end - header < _HEADER.size:
            return 0
        kind, header_channel, header_size, _, _, body_size, flags = _HEADER.unpack_from(buffer, header)
        after = header + header_size + _AROUND
        if kind != _IS_HEADER or header_channel != channel or flags & _HAS_MORE_FLAGS or after > end:
            return 0
        if buffer[header - 1] != _FRAME_END or buffer[after - 1] != _FRAME_END:
            return 0
        body = b""
        while len(body) < body_size:
            if end - after < _AROUND:
                return 0
            kind, body_channel, part_size = _FRAME.unpack_from(buffer, after)
            begin, after = after + _FRAME.size, after + part_size + _AROUND
            if kind != _IS_BODY or body_channel != channel or after > end or buffer[after - 1] != _FRAME_END:
                return 0
            body = body + buffer[begin : after - 1] if body else buffer[begin : after - 1]
        content_type = None
        if flags & _HAS_CONTENT_TYPE:
            begin = header + _HEADER.size + 1
            content_type = self._content_type(buffer[begin : begin + buffer[begin - 1]])
        self.tag, redelivered = _DELIVERED.unpack_from(buffer, place + _METHOD.size + tag_length)
        self.arrived_bytes += len(body)
        self.arrived.append(Delivery(body, content_type, bool(redelivered)))
        return after

    def _content_type(self, name: bytes) -> str:
        found = self._content_types.get(name)
        if found is None:
            found = name.decode("utf-8", "surrogatepass")  # as py-amqp does
            if len(self._content_types) < 100:
                self._content_types[name] = found
        return found
