"""Events decoded and nothing else, by py-amqp and msgspec: `python -m script.bench_parts.peer_decoding QUEUE AMQP_URL MESSAGES`. Prints JSON."""

from __future__ import annotations

import json
import sys
import time

import msgspec
from amqp.basic_message import Message

from script.raw_publisher import open_connection

PREFETCH, ACKNOWLEDGED_AT_ONCE = 20_000, 2000


def main() -> None:
    queue, amqp_url, messages = sys.argv[1], sys.argv[2], int(sys.argv[3])
    events = taken = tag = 0
    decode = msgspec.json.Decoder().decode

    def take(message: Message) -> None:
        nonlocal events, taken, tag
        decoded = decode(message.body)
        events += len(decoded) if isinstance(decoded, list) else 1
        taken += 1
        tag = message.delivery_tag

    began = time.process_time()
    connection = open_connection(amqp_url)
    channel = connection.channel()
    channel.auto_decode = False
    channel.basic_qos(0, PREFETCH, False)
    channel.basic_consume(queue, callback=take)
    while taken < messages:
        connection.drain_events()
        if taken % ACKNOWLEDGED_AT_ONCE == 0:
            channel.basic_ack(tag, multiple=True)
    channel.basic_ack(tag, multiple=True)
    found = {"per_second": events / (time.process_time() - began)}
    connection.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
