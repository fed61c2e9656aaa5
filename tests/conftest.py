"""Fixtures that the whole suite shares: a real RabbitMQ node, a server of faults, the database."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.management import create_contenttypes
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models.signals import post_migrate
from pytest_django import DjangoDbBlocker

from brokers.addresses import BrokerAddress
from script.rabbitmq_node import RabbitNode
from tests import external_broker, hypothesis_profiles, postgres
from tests.external_broker import ExternalBroker
from tests.fault_server import FaultServer, running_fault_server
from tests.prepared_data import schema
from tests.scheduling import Units, collects, computes, rank
from tests.shared_run import PLUGINS, STATISTICS_INTERVAL_MS, SharedRun, node_directory, only_one

SHARED_RUN = pytest.StashKey[SharedRun]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="Also what takes long: tests marked nightly, and hypothesis with all its examples.")


@pytest.hookimpl(trylast=True)  # after hypothesis, which loads a profile of its own
def pytest_configure(config: pytest.Config) -> None:
    hypothesis_profiles.load(nightly=config.getoption("--nightly"))
    if config.getoption("numprocesses", None):
        config.stash[SHARED_RUN] = SharedRun()
    else:
        gc.disable()  # until everything is collected (below)
    process = getattr(config, "workerinput", None)
    if process and computes(process["workerid"], process["workercount"]):
        os.nice(5)  # who waits for a page or a worker goes on at once when it comes


def pytest_configure_node(node: Any) -> None:
    node.workerinput["shared_run"] = str(node.config.stash[SHARED_RUN].directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    if shared := config.stash.get(SHARED_RUN, None):
        shared.end()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Units:
    return Units(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    process = getattr(config, "workerinput", None)
    if process is None or not collection_path.is_relative_to(config.rootpath):
        return None
    path = collection_path.relative_to(config.rootpath).as_posix()
    return None if collects(path, process["workerid"], process["workercount"]) else True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    elsewhere = [name for name, here in (("nightly", config.getoption("--nightly")), ("postgres", postgres.SERVER)) if not here]
    later = {item for item in items if any(item.get_closest_marker(name) for name in elsewhere)}
    if later:
        config.hook.pytest_deselected(items=list(later))
        items[:] = [item for item in items if item not in later]
    items.sort(key=lambda item: rank(item.nodeid.partition("::")[0]))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """What was collected stays until the end, so the garbage collector need not walk it again and again: an eighth of the suite's processor time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)


class Broker(RabbitNode):
    """What tests need of a broker beside its life."""

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


class TestNode(Broker):
    """A private node."""

    __test__ = False  # not a class of tests
    plugins = (*RabbitNode.plugins, *PLUGINS)


class SomebodysBroker(ExternalBroker, Broker):
    """The one of HARELINE_TEST_BROKER_URL."""


def running_node() -> Iterator[TestNode]:
    """A node of its own, until the generator is closed."""
    with tempfile.TemporaryDirectory(prefix="hareline-rabbitmq-", ignore_cleanup_errors=True) as directory:
        node = TestNode(Path(directory), statistics_interval_ms=STATISTICS_INTERVAL_MS)
        node.start()
        try:
            yield node
        finally:
            node.kill()  # its data goes with the directory, so there is nothing to end in good order


@pytest.fixture(scope="session")
def shared_run(pytestconfig: pytest.Config) -> Path | None:
    """The directory that the processes of this run share; None if there is only one."""
    directory = getattr(pytestconfig, "workerinput", {}).get("shared_run")
    return Path(directory) if directory else None


@pytest.fixture(scope="session")
def rabbitmq(shared_run: Path | None) -> Iterator[Broker]:
    """A RabbitMQ node for all tests of the run, or the broker that HARELINE_TEST_BROKER_URL names. Never stop it: take `own_rabbitmq` for that, and a
    `vhost` for what you declare. Tests of other processes have virtual hosts of their own in it meanwhile."""
    if external_broker.url():
        yield SomebodysBroker(external_broker.url())
    elif shared_run is None:
        yield from running_node()
    else:
        yield TestNode(node_directory(shared_run))


@pytest.fixture
def own_rabbitmq() -> Iterator[TestNode]:
    """A RabbitMQ node for this test alone, which may `stop()`, `kill()` and `start()` it. Takes some seconds."""
    yield from running_node()


@pytest.fixture
def vhost(rabbitmq: TestNode) -> Iterator[str]:
    """The name of a virtual host of `rabbitmq` for this test alone."""
    name = rabbitmq.new_vhost()
    yield name
    rabbitmq.api("DELETE", f"vhosts/{name}")


@pytest.fixture(scope="module")
def module_vhost(rabbitmq: TestNode) -> Iterator[str]:
    """The name of a virtual host of `rabbitmq` for the tests of a module."""
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
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker, shared_run: Path | None) -> None:
    """The database of this process (tests/settings.py names it): one is migrated for all processes of a run."""
    file = Path(settings.DATABASES["default"]["NAME"])
    if postgres.SERVER:
        _copy_database(file.name, django_db_blocker, shared_run)
    elif shared_run is None:
        _migrate(django_db_blocker)
    else:
        shutil.copyfile(schema(shared_run), file)
        with django_db_blocker.unblock():
            _drop_audit_trigger()
    # Else each test with transaction=True makes all of them again, and we use none
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    post_migrate.connect(_delete_task_search_index, sender=apps.get_app_config("workers"), dispatch_uid="forget_task_words", weak=False)


def _copy_database(name: str, blocker: DjangoDbBlocker, shared_run: Path | None) -> None:
    template = "hareline_migrated"
    if shared_run is None:
        postgres.execute(f"CREATE DATABASE {name}")
        _migrate(blocker)
        return
    with only_one(shared_run / "migrated.lock"):
        if (template,) in postgres.execute("SELECT datname FROM pg_database"):
            postgres.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        else:
            postgres.execute(f"CREATE DATABASE {name}")
            _migrate(blocker)
            postgres.execute(f"CREATE DATABASE {template} TEMPLATE {name}")


def _delete_task_search_index(using: str, **_: Any) -> None:
    """A flush empties the models' tables only, and gives their keys anew: the words found under a key would be another test's."""
    with connections[using].cursor() as cursor:
        cursor.execute("DELETE FROM workers_task_words")


def _migrate(blocker: DjangoDbBlocker) -> None:
    with blocker.unblock():
        call_command("migrate", verbosity=0)
        if connection.vendor == "sqlite":
            _drop_audit_trigger()
        connection.close()


def _drop_audit_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER hareline_audit_delete")  # it refuses a flush too; tests/dashboard/test_audit_log.py has it again
    connection.close()


@pytest.fixture(scope="module")
def module_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database for tests of a module that share their rows. Request `db` in none of them: it would take back what it did, or everything."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)
        connection.close()


@pytest.fixture(scope="module")
def module_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For fixtures of a module that store what each of its tests only begins with: what a test does to it is taken back, as always, and all of it after the
    last one. For rows of fixed times, and tests without transaction=True."""
    with django_db_blocker.unblock():
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
        connection.close()


@pytest.fixture(autouse=True)
def _nothing_kept_of_other_tests() -> None:
    """A test's rows are taken back with their keys, which in life are never used twice: what is kept by key would be another test's."""
    from brokers.queries import kept, kept_frames, topologies
    from dashboard.why import loaded_vhost

    loaded_vhost._last.clear()
    topologies._kept.clear()
    kept.forget()
    kept_frames.KEPT.clear()
