"""A broker's management API as a loopback server: what it has is set by the test, and may be made to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from brokers.addresses import BrokerAddress
from brokers.management.management_api import Limits, ManagementApi
from tests.fault_server import Answer, FaultServer

QUICK = Limits(connect_seconds=1, read_seconds=1, total_seconds=2)


class InstantApi(ManagementApi):
    """Its broker takes no time for an answer, however busy this machine is, but what a test says: nothing is postponed for its cost."""

    said_seconds = 0.0

    @property
    def busy_seconds(self) -> float:  # type: ignore[override]
        return self.said_seconds

    @busy_seconds.setter
    def busy_seconds(self, measured: float) -> None:
        pass


class FakeManagement:
    """Answers as RabbitMQ 3.10 does, with `queues` ({name: ready}) in the virtual host "/"."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.overview: dict[str, Any] = {"rabbitmq_version": "3.10.8", "rates_mode": "basic", "node": "rabbit@a"}
        self.bindings: list[dict[str, Any]] = []
        self.set("nodes", [{"name": "rabbit@a", "running": True}])
        self.set("vhosts", [{"name": "/", "tracing": False}])
        self.set("exchanges", [{"vhost": "/", "name": "", "type": "direct"}])
        for name in ("policies", "operator-policies", "consumers", "connections", "channels"):
            self.set(name, [])
        self.set("whoami", {"name": "ann", "tags": ["management"]})
        self.set_queues({})

    def set(self, path: str, *answers: Any) -> None:
        self.server.answer(f"/api/{path}", *answers)

    def fail(self, path: str, status: int) -> None:
        self.server.answer(f"/api/{path}", Answer(status=status, body=b'{"reason":"as the test wants"}'))

    def set_queues(self, ready: Mapping[str, int], reported: int | None = None, consumers: int = 0) -> None:
        """`reported` is the number of queues in the overview."""
        self.set("queues", [queue(name, messages_ready=count, consumers=consumers) for name, count in ready.items()])
        self.set_bindings(self.bindings)
        self.set("overview", {**self.overview, "object_totals": {"queues": len(ready) if reported is None else reported}})

    def set_bindings(self, bindings: Iterable[Mapping[str, Any]]) -> None:
        self.bindings = [dict(binding) for binding in bindings]
        self.set("bindings", self.bindings)

    def set_metrics(self, depths: Mapping[str, tuple[int, int, int]], vhost: str = "/") -> None:
        gauges = ("messages_ready", "messages_unacked", "consumers")
        lines = [
            f'rabbitmq_detailed_queue_{gauge}{{vhost="{vhost}",queue="{name}"}} {value}\n'
            for name, values in depths.items()
            for gauge, value in zip(gauges, values, strict=True)
        ]
        self.server.answer("/metrics/detailed", Answer(body="".join(lines).encode()))

    def requested(self) -> list[str]:
        """The paths requested since the last call, without "/api/"."""
        requested = [request.path.removeprefix("/api/") for request in self.server.requests]
        self.server.requests.clear()
        return requested

    def address(self, name: str = "prod") -> BrokerAddress:
        return BrokerAddress(name, (self.server.url,), "ann", "secret", metrics_urls=(self.server.url,))

    def api(self) -> InstantApi:
        return InstantApi(self.address(), limits=QUICK)


def queue(name: str, **reported: Any) -> dict[str, Any]:
    return {"vhost": "/", "name": name, "type": "classic", "durable": True, "arguments": {}, "messages_unacknowledged": 0, "policy": "p", **reported}


def binding(source: str, destination: str, key: str) -> dict[str, Any]:
    return {"vhost": "/", "source": source, "destination": destination, "destination_type": "queue", "routing_key": key, "properties_key": key}
