"""A broker with 10,000 queues: what its polls cost, how long pages take, and how soon a changed depth is in the browser's cell.

`.venv/bin/python -m script.bench_parts.queues [--queues 10000]`. Starts a RabbitMQ node and a web process of its own. The peer is RabbitMQ's own page.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime

from script.bench_parts import big_broker, cells, pages, poll_costs
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import emit
from script.postgresql_server import PostgresServer, ServerError
from script.rabbitmq_node import RabbitNode

FIRST_ANSWER_SECONDS = 90  # of a node that has just made all these queues


def polled(node: RabbitNode) -> int:
    """The broker's row, after everything of the broker was read and stored."""
    from brokers import store
    from brokers.addresses import BrokerAddress
    from brokers.management.management_api import Limits
    from brokers.polling.poll_loop import PollLoop

    address = BrokerAddress("bench", (node.management_url,), node.user, node.password)
    broker = store.ensure_brokers([address], datetime.now(UTC))["bench"].pk
    limits = Limits(read_seconds=FIRST_ANSWER_SECONDS, total_seconds=FIRST_ANSWER_SECONDS)
    loop = PollLoop(address, broker, "bench", 5, limits=limits)
    loop.run_round()
    loop.inventory.run_round()
    loop.stop()
    return broker


def pages_on_postgresql(node: RabbitNode, queues: int) -> None:
    """The rows of the pages over a private server, by a program of its own, since Django has one database."""
    server = PostgresServer()
    try:
        server.start()
        command = [sys.executable, "-m", "script.bench_parts.pages", "--queues", str(queues), "--node", str(node.directory), "--database", server.url()]
        subprocess.run(command, check=True)
    except ServerError as error:
        print(f"bench: no rows of pages on PostgreSQL: {error}", file=sys.stderr)
    finally:
        server.remove()


def session() -> str:
    """The cookie of somebody who is logged in."""
    from django.conf import settings
    from django.test import Client

    from dashboard.models import User

    person = Client()
    person.force_login(User.objects.get(username="bench"))
    return person.cookies[settings.SESSION_COOKIE_NAME].value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--polls", type=int, default=poll_costs.POLLS)
    parser.add_argument("--cell-seconds", type=float, default=cells.RUN_SECONDS)
    options = parser.parse_args()
    queues = options.queues
    with big_broker.running(queues) as node:
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True)
        with cells.program("traffic", node.amqp_url(), str(cells.CONSUMERS), "0") as consumers:
            consumers.readline()
            emit(*poll_costs.rows(node, queues, options.polls))
        broker = polled(node)
        emit(*pages.page_rows(node, queues))
        emit(cells.row(node, broker, session(), queues, options.cell_seconds))
        pages_on_postgresql(node, queues)


if __name__ == "__main__":
    main()
