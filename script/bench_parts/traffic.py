"""Consumers of many queues, and messages published to them, in a process of its own: `python -m script.bench_parts.traffic AMQP_URL CONSUMERS PER_SECOND`.

Prints a line once all consume, and ends with its standard input.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from urllib.parse import unquote, urlsplit

import amqp

from script.bench_parts.big_broker import EXCHANGE, queue_name

CHANNELS = 50  # of a connection
BURSTS_A_SECOND = 20


def _connection(address: str) -> amqp.Connection:
    url = urlsplit(address)
    connection = amqp.Connection(
        f"{url.hostname}:{url.port}", unquote(url.username or ""), unquote(url.password or ""), virtual_host=unquote(url.path[1:]) or "/"
    )
    connection.connect()
    return connection


def _consume(connection: amqp.Connection) -> None:
    while True:
        connection.drain_events()


def main() -> None:
    address, consumers, per_second = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for first in range(0, consumers, CHANNELS):
        connection = _connection(address)
        for number in range(first, min(first + CHANNELS, consumers)):
            connection.channel().basic_consume(queue_name(number), no_ack=True, callback=lambda _: None)
        threading.Thread(target=_consume, args=(connection,), daemon=True).start()
    threading.Thread(target=_publish, args=(_connection(address).channel(), consumers, per_second), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def _publish(channel: amqp.Channel, consumers: int, per_second: int) -> None:
    numbers = itertools.cycle(range(consumers))
    while True:
        for number in itertools.islice(numbers, per_second // BURSTS_A_SECOND):
            channel.basic_publish(amqp.Message("{}"), EXCHANGE, f"order.{queue_name(number)}.eu")
        time.sleep(1 / BURSTS_A_SECOND)


if __name__ == "__main__":
    main()
