"""What the machine offers to a private RabbitMQ node: the installed programs, and loopback ports that nobody uses.

Standard library only.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping, Set
from pathlib import Path

from brokers.port_taken import is_free

SERVERS = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
    "/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/sbin/rabbitmq-server",
)
CHOSEN = "HARELINE_RABBITMQ_SERVER"
LOOPBACK = "127.0.0.1"
PORTS = ("amqp", "management", "prometheus", "distribution", "epmd")


class NodeError(Exception):
    """RabbitMQ is missing or the node did not start; `str()` is a sentence for a person."""


class PortTaken(NodeError):
    """Another program has a port that the node was announced with."""


class NodeEnded(NodeError):
    """The node was started and ended by itself before it answered."""


def find_server() -> str:
    """The path of the real `rabbitmq-server`, not of Debian's wrapper, which needs the packaged service's user; HARELINE_RABBITMQ_SERVER names another."""
    if chosen := os.environ.get(CHOSEN):
        if not os.access(chosen, os.X_OK):
            raise NodeError(f"{CHOSEN}: {chosen} is not a program that can be run.")
        return chosen
    found = shutil.which("rabbitmq-server")
    wrapper = found is None or Path(found).resolve().name == "rabbitmq-script-wrapper"
    candidates = [*SERVERS, *([] if wrapper or found is None else [found])]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    raise NodeError("RabbitMQ is not installed: there is no rabbitmq-server on this machine.")


def find_epmd(server: str) -> str:
    """The path of Erlang's port mapper; the server's own start script uses the `erl` of the PATH or of its own prefix."""
    found = shutil.which("epmd", path=os.pathsep.join([os.environ.get("PATH", ""), str(Path(server).parent), "/opt/homebrew/bin", "/usr/local/bin"]))
    if found:
        return found
    for pattern in ("lib/erlang/erts-*/bin/epmd", "lib64/erlang/erts-*/bin/epmd"):
        for path in Path("/usr").glob(pattern):
            return str(path)
    raise NodeError("RabbitMQ is installed, but Erlang's epmd was not found.")


def free_ports(preferred: Mapping[str, int], taken: Set[int] = frozenset()) -> dict[str, int]:
    """A port for each of PORTS: the preferred one if it is free and not `taken`, else one below the range that outgoing connections use."""
    ports: dict[str, int] = {}
    for name in PORTS:
        port = preferred.get(name, 0)
        while not port or port in taken or port in ports.values() or not is_free(LOOPBACK, port):
            port = random.randint(20_000, 32_000)  # noqa: S311  (not a secret)
        ports[name] = port
    return ports
