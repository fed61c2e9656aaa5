"""A poller of a broker whose depth of one queue is replaced by the number of the answer, so that it is known when a page has it.

`python -m script.bench_parts.marked_poller QUEUE SECONDS`, over the data that the environment names. For each answer it prints a line of JSON: its number,
when it was requested and when it came, and then when it was stored, by the machine's monotonic clock. Ends with its standard input.
"""

from __future__ import annotations

import json
import sys
import threading
import time

from script.bench_parts.own_database import attach


def main() -> None:
    attach()
    from django.conf import settings

    from brokers import interpreter
    from brokers.management.management_api import Limits, ManagementApi
    from brokers.models import Broker
    from brokers.polling.poll_loop import PollLoop

    name, poll_seconds = sys.argv[1], float(sys.argv[2])
    line = b'\nrabbitmq_detailed_queue_messages_ready{vhost="/",queue="%s"} ' % name.encode()

    class Marked(ManagementApi):
        number = 0

        def depths_of_node(self, metrics_url: str, with_consumers: bool = True) -> bytes:
            requested_at = time.monotonic()
            body = super().depths_of_node(metrics_url, with_consumers)
            answered_at = time.monotonic()
            self.number += 1
            print(json.dumps({"number": self.number, "requested_at": requested_at, "answered_at": answered_at}), flush=True)
            begin = body.index(line) + len(line)
            return b"%s%d%s" % (body[:begin], self.number, body[body.index(b"\n", begin) :])  # by a regular expression it took 17 ms of what is measured

    (address,) = settings.BROKERS
    limits = Limits(read_seconds=90, total_seconds=90)
    api = Marked(address, None, limits)
    loop = PollLoop(address, Broker.objects.get().pk, "bench", poll_seconds, api=api, inventory_api=ManagementApi(address, None, limits))
    were_stored = loop.inventory.depths_were_stored

    def stored() -> None:
        print(json.dumps({"number": api.number, "stored_at": time.monotonic()}), flush=True)
        were_stored()

    loop.inventory.depths_were_stored = stored  # type: ignore[method-assign]
    threads = [threading.Thread(target=work.run, daemon=True) for work in (loop, loop.inventory)]
    interpreter.look_for_garbage_rarely()
    interpreter.shorten_turns()
    for thread in threads:
        thread.start()
    sys.stdin.read()
    loop.stop()
    for thread in threads:
        thread.join(5)


if __name__ == "__main__":
    main()
