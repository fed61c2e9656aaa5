"""The demo's queues at a broker that is not script/demo's own."""

from __future__ import annotations

import base64
import json
import threading

from tests.fault_server import Answer, FaultServer
from workers.demo.declaring import declare


def test_the_shop_is_declared_as_soon_as_the_broker_takes_it_with_all_rights_for_its_user(fault_server: FaultServer) -> None:
    fault_server.answer("/api/definitions", Answer(status=503), {})
    assert declare(fault_server.url.replace("http://", "http://shop:s%2Fcret@"), threading.Event())
    first, second = fault_server.requests
    assert first.headers["Authorization"] == second.headers["Authorization"] == f"Basic {base64.b64encode(b'shop:s/cret').decode()}"
    sent = json.loads(second.body)
    assert {"user": "shop", "vhost": "/shop", "configure": ".*", "write": ".*", "read": ".*"} in sent["permissions"]
    assert "orders.eu" in {queue["name"] for queue in sent["queues"]}


def test_it_ends_when_it_is_stopped_before(fault_server: FaultServer) -> None:
    ended = threading.Event()
    ended.set()
    assert not declare(fault_server.url, ended)
    assert fault_server.requests == []
