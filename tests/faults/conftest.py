"""One RabbitMQ node and one set of Hareline's processes for all runs of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from script.soak_parts.proxy import Proxy
from script.soak_parts.run import SHORT, Run, virtual_host, wait_until_receiving
from script.soak_parts.stack import Stack
from tests.conftest import TestNode
from tests.prepared_data import prefill


@dataclass
class Field:
    """Where runs take place."""

    node: TestNode
    proxy: Proxy
    stack: Stack
    vhost: str
    directory: Path

    def run(self, name: str, seed: int = 1) -> Run:
        return Run(name, self.node, self.proxy, self.stack, self.vhost, self.directory, SHORT, seed)


@pytest.fixture(scope="package")  # so that it does not run on beside all that follows
def field(shared_run: Path | None) -> Iterator[Field]:
    """A node of its own, as one of the faults is its restart; AMQP goes through a proxy that can be cut."""
    with tempfile.TemporaryDirectory(prefix="hareline-faults-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        node = TestNode(directory / "rabbitmq", statistics_interval_ms=500)
        node.start()
        proxy = Proxy(node.ports["amqp"])
        prefill(directory / "data", shared_run)
        stack = Stack(node, directory / "data", proxy.port)
        try:
            with virtual_host(node, "faults") as vhost:
                stack.start()
                wait_until_receiving(stack, vhost)
                yield Field(node, proxy, stack, vhost, directory)
                stack.stop()
        finally:
            stack.stop()
            proxy.close()
            node.kill()
