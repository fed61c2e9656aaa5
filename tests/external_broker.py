"""The broker that HARELINE_TEST_BROKER_URL names, in place of the run's own node: any version, anywhere, with an administrator's login in the URL."""

from __future__ import annotations

import os
from functools import cached_property
from urllib.parse import quote, unquote, urlsplit

from script.rabbitmq_node import RabbitNode

VARIABLE = "HARELINE_TEST_BROKER_URL"


def url() -> str:
    """The management URL, "" where the run has a node of its own."""
    return os.environ.get(VARIABLE, "").rstrip("/")


class ExternalBroker(RabbitNode):
    """What tests use of a node, except its life: nobody here starts or stops it."""

    def __init__(self, management_url: str) -> None:
        parts = urlsplit(management_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username:
            raise ValueError(f"{VARIABLE}: expected http(s)://user:password@host:port")
        self._host = parts.hostname
        self._management_url = f"{parts.scheme}://{self._host}" + (f":{parts.port}" if parts.port else "")
        self._state = {"user": unquote(parts.username), "password": unquote(parts.password or "")}

    @property
    def management_url(self) -> str:
        return self._management_url

    @cached_property
    def listeners(self) -> dict[str, int]:
        """{protocol: port} as the broker reports them."""
        return {listener["protocol"]: listener["port"] for listener in self.api("GET", "overview")["listeners"]}

    @property
    def ports(self) -> dict[str, int]:
        return {"amqp": self.listeners["amqp"], "prometheus": self.listeners.get("http/prometheus", 0)}

    @property
    def metrics_url(self) -> str:
        return f"http://{self._host}:{self.ports['prometheus']}"

    def amqp_url(self, vhost: str = "/") -> str:
        return f"amqp://{quote(self.user)}:{quote(self.password)}@{self._host}:{self.ports['amqp']}/{quote(vhost, safe='')}"
