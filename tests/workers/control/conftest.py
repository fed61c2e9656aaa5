"""Real worker nodes that get orders, shared by the tests of a module."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from script.soak_parts.controlled import Controlled
from tests.conftest import TestNode

Start = Callable[..., Controlled]


@pytest.fixture(scope="module")
def start(rabbitmq: TestNode, module_vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a worker node, or returns the one of that name."""
    directory = tmp_path_factory.mktemp("controlled")
    nodes: dict[str, Controlled] = {}
    with contextlib.ExitStack() as stack:

        def found(name: str, pool: str, slots: int, *options: str) -> Controlled:
            if name not in nodes:
                nodes[name] = Controlled(rabbitmq, module_vhost, directory, name, pool, slots, *options)
                stack.callback(nodes[name].kill)
            return nodes[name]

        yield found
