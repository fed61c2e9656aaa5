"""Fixtures that the whole suite shares: a real RabbitMQ node, a server of faults, the database."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from xdist.scheduler import LoadScopeScheduling

from brokers.addresses import BrokerAddress
from script.rabbitmq_node import RabbitNode
from tests.fault_server import FaultServer, running_fault_server

TOGETHER = ("tests/browser/", "tests/scripts/")


class Together(LoadScopeScheduling):
    """Two processes share the tests one by one, but those of a folder in TOGETHER run in one: the browser's share a stack of programs, and the scripts'
    start whole programs on the ports that people's programs prefer. (xdist's own groups do nothing with pytest 9.2: pytest-xdist issue 1386.)"""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    return Together(config, log) if config.getvalue("dist") == "loadscope" else None


class TestNode(RabbitNode):
    """A private node with what tests ask of it."""

    __test__ = False  # not a class of tests

    @cached_property
    def version(self) -> str:
        """RabbitMQ's, as in "3.10.8"."""
        return str(self.api("GET", "overview")["rabbitmq_version"])

    def new_vhost(self) -> str:
        """The name of a virtual host that nobody else uses, where the node's user may do everything."""
        name = f"t{secrets.token_hex(6)}"
        self.api("PUT", f"vhosts/{name}")
        self.api("PUT", f"permissions/{name}/{quote(self.user)}", {"configure": ".*", "write": ".*", "read": ".*"})
        return name

    def new_user(self, tags: str = "monitoring", permissions: dict[str, dict[str, str]] | None = None) -> tuple[str, str]:
        """A user and password; `permissions` by virtual host: {"/": {"configure": "", "write": "", "read": ""}}."""
        name, password = f"u{secrets.token_hex(6)}", secrets.token_hex(12)
        self.api("PUT", f"users/{name}", {"password": password, "tags": tags})
        for vhost, rights in (permissions or {}).items():
            self.api("PUT", f"permissions/{quote(vhost, safe='')}/{name}", rights)
        return name, password

    def address(self, name: str = "test", user: str | None = None, password: str | None = None) -> BrokerAddress:
        """As HARELINE_BROKERS would name this node."""
        return BrokerAddress(name, (self.management_url,), user or self.user, self.password if password is None else password)


def _running_node() -> Iterator[TestNode]:
    with tempfile.TemporaryDirectory(prefix="hareline-rabbitmq-", ignore_cleanup_errors=True) as directory:
        node = TestNode(Path(directory), statistics_interval_ms=500)
        node.start()
        try:
            yield node
        finally:
            node.kill()  # its data goes with the directory, so there is nothing to end in good order


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[TestNode]:
    """A RabbitMQ node for all tests of this process. Never stop it: take `own_rabbitmq` for that, and a `vhost` for what you declare."""
    yield from _running_node()


@pytest.fixture
def own_rabbitmq() -> Iterator[TestNode]:
    """A RabbitMQ node for this test alone, which may `stop()`, `kill()` and `start()` it. Takes some seconds."""
    yield from _running_node()


@pytest.fixture
def vhost(rabbitmq: TestNode) -> Iterator[str]:
    """The name of a virtual host of `rabbitmq` for this test alone."""
    name = rabbitmq.new_vhost()
    yield name
    rabbitmq.api("DELETE", f"vhosts/{name}")


@pytest.fixture
def broker_address(rabbitmq: TestNode) -> BrokerAddress:
    """The node of `rabbitmq`, as HARELINE_BROKERS would name it."""
    return rabbitmq.address()


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A loopback server whose answers the test sets."""
    with running_fault_server() as server:
        yield server


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Any:
    """Nothing to change: tests/settings.py has given each process its own database file."""


@pytest.fixture(autouse=True)
def _nothing_kept_of_other_tests() -> None:
    """A test's rows are taken back with their keys, which in life are never used twice: what is kept by key would be another test's."""
    from brokers.queries import topologies

    topologies._kept.clear()
