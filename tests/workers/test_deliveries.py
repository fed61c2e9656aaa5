"""Frames of any traffic, cut anywhere: what is read is what py-amqp alone would read."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest
from amqp.exceptions import UnexpectedFrame
from amqp.method_framing import frame_handler
from hypothesis import given
from hypothesis import strategies as st

from workers.receiving.deliveries import Delivery, DeliveryReader

OURS, OTHER = 1, 2
DELIVER, BIND_OK = (60, 60), (50, 21)


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def delivery(
    tag: int, body: bytes, content_type: bytes | None = b"application/json", part: int = 100, channel: int = OURS, redelivered: bool = False
) -> list[bytes]:
    """Its frames, with at most `part` bytes of the body in each."""
    arguments = b"\x03tag" + pack(">QB", tag, redelivered) + b"\x08celeryev" + b"\x09task.mult"
    properties = pack(">H", 0x9000) + pack("B", len(content_type)) + content_type + b"\x01" if content_type is not None else pack(">H", 0x1000) + b"\x02"
    parts = [body[start : start + part] for start in range(0, len(body), part)]
    return [
        frame(1, channel, pack(">HH", *DELIVER) + arguments),
        frame(2, channel, pack(">HHQ", 60, 0, len(body)) + properties),
        *(frame(3, channel, one) for one in parts),
    ]


class Transport:
    """The bytes of a connection, in the pieces in which they come."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._read_buffer = b""
        self.connected = True
        self._pieces = list(pieces)

    def _quick_recv(self, size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


class Connected:
    """A connection of py-amqp: its own handling of frames, over our bytes."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.transport, self.bytes_recv = Transport(pieces), 0
        self.other: list[tuple[int, tuple[int, int]]] = []
        self.on_inbound_frame = frame_handler(self, self._dispatch)
        self.reader = DeliveryReader(self, OURS)

    def _dispatch(self, channel: int, method: tuple[int, int], arguments: bytes, message: Any) -> None:
        if method != DELIVER or channel != OURS:
            self.other.append((channel, method))
            return
        tag, redelivered = int.from_bytes(arguments[8:16], "big"), bool(arguments[16])
        message.delivery_info = {"delivery_tag": tag, "redelivered": redelivered}
        self.reader.arrive(message)

    def read_all(self, most: int = 1000, most_bytes: int = 1_000_000) -> list[list[Delivery]]:
        found = []
        try:
            while True:
                self.reader.read(most, most_bytes)
                found.append(self.reader.take())
        except OSError:
            return found


def alone(stream: bytes) -> tuple[list[Delivery], list[Any]]:
    """What py-amqp makes of it by itself."""
    connection, place = Connected([]), 0
    while place < len(stream):
        size = int.from_bytes(stream[place + 3 : place + 7], "big")
        connection.on_inbound_frame((stream[place], int.from_bytes(stream[place + 1 : place + 3], "big"), stream[place + 7 : place + 7 + size]))
        place += size + 8
    return connection.reader.arrived, connection.other


messages = st.builds(
    delivery,
    st.integers(1, 2**40),
    st.binary(max_size=300),
    st.sampled_from([b"application/json", None, b"", "é".encode()]),
    st.sampled_from([50, 1000]),
    st.sampled_from([OURS, OURS, OURS, OTHER]),
    st.booleans(),
)
others = st.sampled_from([[frame(8, 0, b"")], [frame(1, 0, pack(">HH", *BIND_OK))], [frame(1, OURS, pack(">HH", *BIND_OK))]])


@given(st.lists(messages | others, max_size=12), st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_whatever_the_cuts_are_it_is_what_py_amqp_reads(traffic: list[list[bytes]], cuts: list[int]) -> None:
    stream = b"".join(frames for some in traffic for frames in some)
    pieces: list[bytes] = []
    place = 0
    while place < len(stream):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(stream[place : place + size])
        place += size
    connection = Connected(pieces)
    found = [one for some in connection.read_all() for one in some]
    expected, other = alone(stream)
    assert found == expected
    assert connection.other == other


def test_heartbeats_between_the_frames_of_a_message_cut_nothing() -> None:
    frames = delivery(7, b"x" * 250)
    connection = Connected([frame(8, 0, b"").join(frames)])
    assert connection.read_all() == [[Delivery(b"x" * 250, "application/json", False)]]
    assert connection.reader.tag == 7


def test_it_stops_after_as_many_messages_or_bytes_as_it_may_take() -> None:
    stream = b"".join(part for tag in range(1, 8) for part in delivery(tag, b"x" * 10))
    assert [len(found) for found in Connected([stream]).read_all(most=3)] == [3, 3, 1]
    assert [len(found) for found in Connected([stream]).read_all(most_bytes=11)] == [2, 2, 2, 1]


def test_a_frame_that_does_not_end_is_an_error_and_nothing_of_its_message_arrives() -> None:
    stream = b"".join(delivery(1, b"x" * 10))
    connection = Connected([stream[:-1] + b"\x00"])
    with pytest.raises(UnexpectedFrame):
        connection.reader.read(10, 1000)
    assert connection.reader.arrived == []
