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
from tests.waiting import wait_until

NODE_SECONDS = 100
STATISTICS_INTERVAL_MS = 500
PLUGINS = ("rabbitmq_event_exchange",)


class SharedRun:
    """Belongs to the process that starts the others, and ends with it."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hareline-run-"))
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
            (self.directory / "failed").write_text(str(error))
        else:
            (self.directory / "ready").touch()

    def end(self) -> None:
        """Nothing of it is left, whether or not the node had started."""
        self._ended.set()
        self._starting.join()
        self._node.kill()  # does nothing where it was never started
        shutil.rmtree(self.directory, ignore_errors=True)


def node_directory(shared: Path) -> Path:
    """The directory of the run's node, once it answers."""

    def started() -> bool:
        assert not (shared / "failed").exists(), (shared / "failed").read_text()
        return (shared / "ready").exists()

    wait_until(started, NODE_SECONDS)
    return shared / "rabbitmq"


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """The other processes of the run wait for their turn."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
