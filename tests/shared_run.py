"""What the processes of one run share: a directory with a RabbitMQ node in it, which starts while they collect, and the migrated database."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from script.rabbitmq_machine import NodeError
from script.rabbitmq_node import RabbitNode
from tests import external_broker

NODE_SECONDS = 100
STATISTICS_INTERVAL_MS = 500
PLUGINS = ("rabbitmq_event_exchange",)


class SharedRun:
    """Belongs to the process that starts the others, and ends with it."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hareline-run-"))
        self._failure = ""
        self._node = RabbitNode(self.directory / "rabbitmq", statistics_interval_ms=STATISTICS_INTERVAL_MS)
        self._node.plugins += PLUGINS
        self._ended = threading.Event()
        self._starting = threading.Thread(target=self._start_node)
        self._starting.start()

    def _start_node(self) -> None:
        if external_broker.url():
            return
        try:
            self._node.start(NODE_SECONDS, stop_waiting=self._ended.is_set)
        except (NodeError, OSError) as error:
            self._failure = str(error)

    def wait_for_node(self) -> None:
        """Returns once the node has started, or has failed to."""
        self._starting.join()

    def node_directory(self) -> Path:
        """The directory of the run's node, which has started."""
        assert not self._failure, self._failure
        return self.directory / "rabbitmq"

    def end(self) -> None:
        """Nothing of it is left, whether or not the node had started."""
        self._ended.set()
        self._starting.join()
        self._node.kill()  # does nothing where it was never started
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """The other processes of the run wait for their turn."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
