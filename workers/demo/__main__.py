"""Runs one part of the demo shop until SIGTERM: `worker NAME@HOST`, `traffic` or `audit`. HARELINE_DEMO_AMQP_URL is the broker's address.

python -m workers.demo worker worker-a@web-1
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from urllib.parse import unquote, urlsplit

import amqp

from brokers.supervised_process import end_with_supervisor, leave


def main(arguments: list[str]) -> int:
    amqp_url = os.environ.get("HARELINE_DEMO_AMQP_URL")
    if not amqp_url or not arguments:
        sys.exit(f"{__doc__}\nscript/demo starts these with everything they need.")
    end_with_supervisor()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    ended = threading.Event()
    if arguments[0] == "worker" and len(arguments) == 2:
        wait_for_broker(amqp_url, ended)  # before Celery is imported: what people wait for starts first
        work(arguments[1])
    elif arguments in (["traffic"], ["audit"]):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        repeat(arguments[0], amqp_url, ended)
        leave()
    else:
        sys.exit(__doc__)
    return 0


def wait_for_broker(amqp_url: str, ended: threading.Event) -> None:
    """Returns when the broker lets us into the shop's virtual host, or when `ended`."""
    url = urlsplit(amqp_url)
    host, login = f"{url.hostname}:{url.port or 5672}", (unquote(url.username or ""), unquote(url.password or ""))
    while not ended.is_set():
        link = amqp.Connection(host, *login, virtual_host="/shop", connect_timeout=2)
        try:
            link.connect()
            link.close()
        except (OSError, amqp.AMQPError):
            ended.wait(0.5)
        else:
            return


def work(name: str) -> None:
    """Becomes the worker node; returns once stopped."""
    from workers.demo.app import app
    from workers.demo.nodes import NODES

    if "--pool=threads" in NODES[name]:
        # Celery 5.7's thread pool does not survive a new connection (UnexpectedFrame, no heartbeats): let it end, the supervisor starts it afresh
        app.conf.broker_connection_retry = False
    app.worker_main(["worker", "--hostname", name, "--loglevel", "WARNING", "--without-mingle", *NODES[name]])


def repeat(part: str, amqp_url: str, ended: threading.Event) -> None:
    """Runs the part again whenever the broker comes back."""
    from kombu.exceptions import OperationalError

    from workers.demo import shop, traffic
    from workers.demo.audit import Audit

    while not ended.is_set():
        wait_for_broker(amqp_url, ended)
        try:
            if part == "traffic":
                traffic.run(amqp_url, ended)
            else:
                Audit(shop.connection(amqp_url, shop.VHOST, "audit@batch-1"), ended).run()
        except (OSError, OperationalError, *shop.connection(amqp_url, "/", "").connection_errors) as error:
            logging.getLogger("demo").warning("lost the broker (%s); waiting for it", error)
            ended.wait(2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
