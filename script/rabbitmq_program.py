"""The private RabbitMQ node as a program.

    python -m script.rabbitmq_program prepare DIRECTORY             chooses name, user and ports; prints where to connect
    python -m script.rabbitmq_program run DIRECTORY [DEFINITIONS]   keeps the node running until SIGTERM; declares what the file defines
    python -m script.rabbitmq_program stop DIRECTORY                takes the node down, until
    python -m script.rabbitmq_program start DIRECTORY               lets it up again

A node that ends by itself or is killed is started again after 20 seconds: long enough to see how a dead broker looks.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

from brokers.port_taken import end_for_good
from brokers.supervised_process import end_with_supervisor
from script.rabbitmq_machine import NodeError, PortTaken
from script.rabbitmq_node import RabbitNode

PORTS = {"amqp": 17672, "management": 17673, "prometheus": 17674, "distribution": 17675, "epmd": 17676}
PAUSE_SECONDS = 20.0
CONSUMER_TIMEOUT_SECONDS = 300  # as HARELINE_CONSUMER_TIMEOUT in script/demo


class DemoNode(RabbitNode):
    """With shovels, of which a person may plant one that leads nowhere, and a consumer timeout that a visitor may wait for."""

    plugins = (*RabbitNode.plugins, "rabbitmq_shovel", "rabbitmq_shovel_management")

    def _write_files(self) -> None:
        super()._write_files()
        path = self.directory / "rabbitmq.config"
        usual = "{disk_free_limit, 50000000}"
        path.write_text(path.read_text().replace(usual, f"{usual},\n    {{consumer_timeout, {CONSUMER_TIMEOUT_SECONDS * 1000}}}"))


def hold_file(directory: Path) -> Path:
    """While this file exists, the node stays down."""
    return directory / "stopped"


def prepare(directory: Path) -> None:
    """Prints two lines: the management URL and the AMQP URL, each with its credentials."""
    node = DemoNode(directory, PORTS)
    node.choose_ports()
    management = node.management_url.replace("://", f"://{quote(node.user)}:{quote(node.password)}@")
    print(management, node.amqp_url(), sep="\n")


def run(directory: Path, definitions: Path | None) -> None:
    """Returns after SIGTERM or SIGINT, with the node and its epmd gone. Raises NodeError if a start fails."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    node = DemoNode(directory, PORTS)
    hold_file(directory).unlink(missing_ok=True)
    try:
        while not ended.is_set():
            node.start(stop_waiting=ended.is_set, keep_ports=True)
            if definitions and not ended.is_set():
                declare(node, definitions)
            watch(node, ended)
            node.stop()
            pause(directory, ended)
    finally:
        node.stop()


def declare(node: RabbitNode, definitions: Path) -> None:
    """Makes what an export of definitions names, where it is missing; the node's own user may do everything in its virtual hosts."""
    wanted = json.loads(definitions.read_text(encoding="utf-8"))
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    wanted["permissions"] = [{"user": node.user, "vhost": vhost["name"], **everything} for vhost in wanted["vhosts"]]
    node.api("POST", "definitions", wanted)


def watch(node: RabbitNode, ended: threading.Event) -> None:
    """Returns when the node ended, is to be held, or the program is to end."""
    while not ended.wait(0.3) and node.pid and not hold_file(node.directory).exists():
        pass


def pause(directory: Path, ended: threading.Event) -> None:
    """Waits before the next start: 20 seconds after a node that died, else until `start` removes the hold."""
    held = hold_file(directory).exists()
    if not ended.is_set():
        say("the broker is stopped" if held else f"the broker ended; it is started again in {PAUSE_SECONDS:.0f} seconds")
    until = time.monotonic() + PAUSE_SECONDS
    while not ended.wait(0.3) and (hold_file(directory).exists() if held else time.monotonic() < until):
        pass


def say(text: str) -> None:
    print(f"hareline demo: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    what, directory = arguments[0], Path(arguments[1]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        if what == "prepare":
            prepare(directory)
        elif what == "run":
            end_with_supervisor()
            run(directory, Path(arguments[2]) if len(arguments) > 2 else None)
        elif what == "stop":
            hold_file(directory).touch()
        elif what == "start":
            hold_file(directory).unlink(missing_ok=True)
    except PortTaken as error:
        end_for_good(f"hareline demo: {error}")
    except NodeError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
