"""Plants on the suite's own node and on a real worker: what is planted is there, and nothing of it remains."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from script.rabbitmq_program import declare
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Workers
from workers.demo import audit, shop
from workers.demo.plants import broker_plants, message_plants, node_plants
from workers.demo.plants.process import Plants
from workers.demo.plants.site import Site
from workers.demo.plants.work import WORK

DEFINITIONS = Path(shop.__file__).with_name("definitions.json")


class PlantedShop:
    """The demo's shop in a virtual host of its own, and its plants."""

    def __init__(self, node: TestNode, vhost: str, directory: Path) -> None:
        self.node, self.vhost = node, vhost
        self.site = Site(node.amqp_url(), directory, vhost)
        self.plants = Plants(self.site, WORK)

    def queue(self, name: str) -> dict[str, Any]:
        return dict(self.node.api("GET", f"queues/{self.vhost}/{name}"))

    def until(self, condition: Callable[[], object]) -> None:
        wait_until(lambda: self.plants.round() or condition(), seconds=30)  # type: ignore[func-returns-value]

    @contextmanager
    def planted(self, *keys: str) -> Iterator[None]:
        """They are on, and off again afterwards."""
        for key in keys:
            self.site.files.want(key, "ada", 1.0)
        self.until(lambda: all(self._word(key) == "on" for key in keys))
        yield
        for key in keys:
            self.site.files.end(key)
        self.until(lambda: all(self._word(key) == "off" for key in keys))

    def _word(self, key: str) -> str:
        state = self.site.files.state().plants[key]
        assert state.state != "failed", f"{key}: {state.why}"
        return state.state


@pytest.fixture
def planted_shop(rabbitmq: TestNode, vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedShop]:
    monkeypatch.setenv("HARELINE_DATA_DIR", str(tmp_path))
    found = {kind: [{**one, "vhost": vhost} for one in shop.DEFINITIONS[kind] if one["vhost"] == shop.VHOST] for kind in ("exchanges", "queues", "bindings")}
    definitions = tmp_path / "definitions.json"
    definitions.write_text(json.dumps({"vhosts": [{"name": vhost}], "policies": [], **found}))
    declare(rabbitmq, definitions)
    planted = PlantedShop(rabbitmq, vhost, tmp_path)
    yield planted
    planted.plants.stop()


@pytest.mark.nightly
def test_messages_bindings_and_clients_are_there_while_planted_and_nothing_remains(planted_shop: PlantedShop, rabbitmq: TestNode, vhost: str) -> None:
    topology = lambda: (  # noqa: E731
        sorted(one["name"] for one in rabbitmq.api("GET", f"queues/{vhost}")),
        sorted((one["source"], one["destination"], one["routing_key"]) for one in rabbitmq.api("GET", f"bindings/{vhost}")),
    )
    before = topology()
    with planted_shop.planted("held", "binding", "unroutable", "leak"):
        wait_until(lambda: planted_shop.queue(message_plants.HELD_QUEUE).get("messages_unacknowledged") == 3, seconds=30)
        bound = {(one["source"], one["destination"], one["routing_key"]) for one in rabbitmq.api("GET", f"bindings/{vhost}")}
        assert ("shop.orders", "orders.us", broker_plants.BINDING["routing_key"]) in bound
        dropped = lambda: rabbitmq.api("GET", f"exchanges/{vhost}/shop.jobs").get("message_stats", {}).get("publish_in", 0)  # noqa: E731
        wait_until(lambda: dropped() >= 4, seconds=30)
        clients = lambda: {one.get("user_provided_name"): one for one in rabbitmq.api("GET", "connections") if one.get("vhost") == vhost}  # noqa: E731
        wait_until(lambda: clients().get("leaky@web-2", {}).get("channels", 0) >= 2, seconds=30)
    assert topology() == before
    wait_until(lambda: "leaky@web-2" not in clients(), seconds=30)


@pytest.mark.nightly
def test_a_consumer_is_cancelled_and_consumes_again(planted_shop: PlantedShop, rabbitmq: TestNode, vhost: str) -> None:
    ended = threading.Event()
    consumer = audit.Audit(shop.connection(rabbitmq.amqp_url(), vhost, "audit@tests"), ended, ("orders.audit", "newsletter"))
    thread = threading.Thread(target=consumer.run)
    thread.start()
    consumers = lambda: [planted_shop.queue(name).get("consumers") for name in ("newsletter", "orders.audit")]  # noqa: E731
    try:
        wait_until(lambda: consumers() == [1, 1], seconds=30)
        with planted_shop.planted("no_consumer"):
            wait_until(lambda: consumers() == [0, 1], seconds=30)
        wait_until(lambda: consumers() == [1, 1], seconds=30)
    finally:
        ended.set()
        thread.join(60)


@pytest.mark.nightly
def test_a_worker_stands_still_until_it_is_started_again_and_one_that_is_killed_is_held_down(
    planted_shop: PlantedShop, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_plants, "FROZEN", "a@tests")
    monkeypatch.setattr(node_plants, "KILLED", "b@tests")
    frozen = workers.start("a@tests", "-P", "solo", "--without-mingle", "--without-gossip", "--without-heartbeat")
    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "b@tests"], start_new_session=True)
    pids = planted_shop.site.data / "plants" / "pids"
    pids.mkdir(parents=True)
    for name, process in (("a@tests", frozen), ("b@tests", killed)):
        (pids / name).write_text(str(process.pid))
    with planted_shop.planted("worker_frozen", "worker_killed"):
        wait_until(lambda: _state_of(frozen.pid) == "T")
        assert killed.wait(60) == -signal.SIGKILL
        assert planted_shop.site.files.flag("held-b@tests") is not None
    assert planted_shop.site.files.flag("held-b@tests") is None
    assert frozen.wait(60) == -signal.SIGKILL


def _state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
