"""Runs one part of the demo shop until SIGTERM: `worker NAME@HOST`, `beat`, `traffic`, `audit` or `plants`. HARELINE_DEMO_AMQP_URL is the broker's address.
`declare` makes the shop's queues over HARELINE_DEMO_MANAGEMENT_URL, and ends.

python -m workers.demo worker worker-a@web-1
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import amqp

from brokers.supervised_process import end_with_supervisor, leave
from workers.demo.plants import protocol


def main(arguments: list[str]) -> int:
    amqp_url, management_url = os.environ.get("HARELINE_DEMO_AMQP_URL"), os.environ.get("HARELINE_DEMO_MANAGEMENT_URL")
    if arguments == ["declare"] and management_url:
        return declare(management_url)
    if not amqp_url or not arguments:
        sys.exit(f"{__doc__}\nscript/demo starts these with everything they need.")
    end_with_supervisor()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    ended = threading.Event()
    if arguments[0] == "worker" and len(arguments) == 2:
        wait_while_held(arguments[1])
        wait_for_broker(amqp_url, ended)  # before Celery is imported: what people wait for starts first
        work(arguments[1])
    elif arguments == ["beat"]:
        wait_for_broker(amqp_url, ended)
        schedule()
    elif arguments in (["traffic"], ["audit"], ["plants"]):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        if arguments[0] == "plants":
            plant(amqp_url, ended)
        else:
            repeat(arguments[0], amqp_url, ended)
        leave()
    else:
        sys.exit(__doc__)
    return 0


def declare(management_url: str) -> int:
    from workers.demo import declaring

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    return 0 if declaring.declare(management_url, ended) else 1


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


def wait_while_held(name: str) -> None:
    """Returns once no plant holds the worker node down."""
    files = protocol.of_environment()
    while files.flag(f"held-{name}") is not None:
        time.sleep(0.2)


def work(name: str) -> None:
    """Becomes the worker node; returns once stopped."""
    files = protocol.of_environment()
    skew = files.flag(f"clock-{name}")
    if skew:  # before Celery is imported, parts of which take the function by its name
        true_time, seconds = time.time, float(skew)
        time.time = lambda: true_time() + seconds
    files.note_process(name)
    from workers.demo.app import app
    from workers.demo.nodes import NODES

    if files.flag(f"quiet-{name}") is not None:
        app.conf.worker_send_task_events = False
    if "--pool=threads" in NODES[name]:
        # Celery 5.7's thread pool does not survive a new connection (UnexpectedFrame, no heartbeats): let it end, the supervisor starts it afresh
        app.conf.broker_connection_retry = False
    app.worker_main(["worker", "--hostname", name, "--loglevel", "WARNING", "--without-mingle", *NODES[name]])


def schedule() -> None:
    """Becomes the scheduler of periodic tasks; returns once stopped."""
    from workers.demo.app import DATA_DIR, app

    app.Beat(schedule=str(DATA_DIR / "demo-beat-schedule"), loglevel="WARNING", quiet=True).run()


def plant(amqp_url: str, ended: threading.Event) -> None:
    """Does what persons plant until `ended`."""
    from workers.demo.plants import process
    from workers.demo.plants.site import Site
    from workers.demo.plants.work import LETS_GO

    site = Site(amqp_url, Path(os.environ.get("HARELINE_DATA_DIR", "var")).resolve())
    process.clean(site, LETS_GO)  # it may be a plant that keeps the broker down
    wait_for_broker(amqp_url, ended)
    process.run(site, ended)


def repeat(part: str, amqp_url: str, ended: threading.Event) -> None:
    """Runs the part again whenever the broker comes back."""
    from kombu.exceptions import OperationalError

    from workers.demo import audit, shop, traffic

    while not ended.is_set():
        wait_for_broker(amqp_url, ended)
        try:
            if part == "traffic":
                traffic.run(amqp_url, ended)
            else:
                audit.run(amqp_url, ended)
        except (OSError, OperationalError, *shop.connection(amqp_url, "/", "").connection_errors) as error:
            logging.getLogger("demo").warning("lost the broker (%s); waiting for it", error)
            ended.wait(2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
