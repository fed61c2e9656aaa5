"""Each endpoint of the management API makes one of our errors of each fault, in a short time and little memory: one of the parts of a poll then fails alone
(tests/brokers/test_parts.py)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from urllib.parse import unquote

import pytest

from brokers.errors import BrokerError, BrokerRefused, ObjectNotFound
from brokers.management.management_api import Limits, ManagementApi
from tests.brokers.management import FakeManagement
from tests.fault_server import Answer, FaultServer

ENDPOINTS: dict[str, Callable[[ManagementApi], object]] = {
    "overview": ManagementApi.overview,
    "nodes": ManagementApi.nodes,
    "whoami": ManagementApi.user_tags,
    "vhosts": ManagementApi.vhosts,
    "queues": ManagementApi.queues_columns,
    "queues///mail": lambda api: api.queue("/", "mail"),
    "exchanges": ManagementApi.exchanges,
    "exchanges///orders": lambda api: api.exchange_publishers("/", "orders"),
    "bindings": ManagementApi.bindings,
    "policies": ManagementApi.policies,
    "operator-policies": ManagementApi.operator_policies,
    "permissions": ManagementApi.permissions,
    "consumers": ManagementApi.consumers,
    "connections": ManagementApi.connections,
    "channels": ManagementApi.channels,
    "/metrics/detailed": lambda api: api.depths_of_node(api.current_url()),
}
FAULTS = {
    "401": Answer(status=401, body=b'{"error":"not_authorized","reason":"Not management user"}'),
    "429": Answer(status=429, body=b"slow down"),
    "500": Answer(status=500, body=b'{"reason":"crashed"}'),
    "502 as HTML": Answer(status=502, body=b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "404": Answer(status=404, body=b'{"error":"not_found"}'),
    "403": Answer(status=403, body=b'{"reason":"no"}'),
    "JSON that breaks off": Answer(body=b'[{"vhost": "/", "na'),
    "an answer cut short": Answer(body=b'[{"vhost": "/"}]', cut_after=5),
    "no answer in time": Answer(delay_seconds=5),
    "bytes one by one": Answer(body=b" " * 1000, seconds_per_byte=0.05),
    "a reset": Answer(reset=True),
    "nothing": Answer(body=b""),
    "a redirect": Answer(status=302, body=b"", headers={"Location": "http://127.0.0.1:1/login"}),
    "more than is read": Answer(body=b" " * 3_000_000),
    "a bomb of gzip": Answer(body=gzip.compress(b" " * 3_000_000), headers={"Content-Encoding": "gzip"}),
}
KINDS = {"401": BrokerRefused, "403": BrokerRefused, "404": ObjectNotFound}
NOT_JSON = ("JSON that breaks off", "nothing", "bytes one by one")  # the Prometheus plugin's answer is lines of text: these have none


@pytest.mark.parametrize("fault", FAULTS)
def test_every_endpoint_makes_one_of_our_errors_of(fault: str, fault_server: FaultServer) -> None:
    management = FakeManagement(fault_server)
    late = fault in ("no answer in time", "bytes one by one")
    seconds = 0.15 if late else 20.0
    api = ManagementApi(management.address(), limits=Limits(connect_seconds=5, read_seconds=seconds, total_seconds=2 * seconds, body_bytes=2**20))
    api.limits, limits = Limits(read_seconds=20, total_seconds=30), api.limits
    api.overview()  # so it is known that the port is the right one
    api.limits = limits
    for path, request in ENDPOINTS.items():
        address = path if path.startswith("/") else f"/api/{path}"
        fault_server.answer(address, FAULTS[fault])
        if address == "/metrics/detailed" and fault in NOT_JSON:
            continue
        with pytest.raises(KINDS.get(fault, BrokerError)) as failure:
            request(api)
        assert address in unquote(str(failure.value))
        assert "secret" not in str(failure.value)
