"""A broker of whose virtual host `/shop` somebody may see the queues `orders.*` only: everything else that is there has a name with SECRET in it,
and what is in another virtual host has ELSEWHERE too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import msgspec
import zstandard
from django.db.models import Model
from django.forms.models import model_to_dict
from django.test import Client

from brokers.models import (
    Binding,
    Broker,
    Change,
    Channel,
    ClientTrend,
    Connection,
    Consumer,
    Exchange,
    Node,
    Permission,
    Policy,
    PollAttempt,
    Queue,
    Snapshot,
    TopologyVersion,
    Transfer,
    VirtualHost,
)
from brokers.snapshots import RAW_STEP, Encoder
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology, encode

SHOP, ELSEWHERE = "/shop", "SECRET-ELSEWHERE"
_KINDS: dict[str, type[Model]] = {"queue": Queue, "exchange": Exchange, "connection": Connection}


class Shop:
    """Its rows. `orders.eu` is bound by way of `orders.fan` and `orders.in`, `orders.us` only by name."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        counts = {"ready": 1000, "unacknowledged": 0, "object_totals": {"queues": 77}, "unroutable_per_second": 1.0}
        limits: list[dict[str, Any]] = [{"vhost": ELSEWHERE, "what": "queues", "why": f"no permission in {ELSEWHERE}", "grant": f"set_permissions {ELSEWHERE}"}]
        failed = "not found (GET http://rabbit:15672/api/bindings/SECRET-ELSEWHERE)"
        limits.append({"vhost": None, "part": "bindings", "what": "bindings", "why": failed, "since": self.now.isoformat()})
        known = {"since": self.now, "polled_at": self.now, "poll_seconds": 600, "version": "3.10.8", "revision": 1, "permissions_known": True}
        slow = "rates are unknown; no answer from SECRET.example:15672 within 3 s (GET http://SECRET.example:15672/api/nodes)"
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", depth_source_reason=slow, limits=limits, **known, **counts)
        for vhost in (SHOP, ELSEWHERE):
            VirtualHost.objects.create(broker=self.broker, name=vhost, ready=500, first_seen_at=self.now)
            self.exchange("", vhost=vhost, kind="direct", publish_in_per_second=1000.0)
        PollAttempt.objects.create(broker=self.broker, at=self.now, answered=False, ms=1.0, reason=failed)
        Node.objects.create(broker=self.broker, name="SECRET@node", running=True, at=self.now)
        self._visible()
        self._hidden(SHOP, "SECRET")
        self._hidden(ELSEWHERE, "SECRET-ELSEWHERE-")
        self._history()

    def _visible(self) -> None:
        arguments = {"x-dead-letter-exchange": "SECRETexchange", "x-dead-letter-routing-key": "SECRETqueue", "x-max-length": 10}
        self.queue("orders.eu", ready=3, policy="limits", effective_policy={"dead-letter-exchange": "SECRETexchange", "max-length": 9}, arguments=arguments)
        self.queue("orders.us", ready=4, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "SECRETqueue"})
        sample = [{"connection": "SECRETclient -> 10.0.0.1:5672", "host": "10.0.0.9", "user": "SECRETclient", "per_second": 1.0}]
        facts = {"publish_in_per_second": 3.0, "publishers": sample, "publishers_at": self.now}
        self.exchange("orders.in", arguments={"alternate-exchange": "SECRETexchange"}, **facts)
        self.exchange("orders.fan", kind="fanout")
        self.bind("orders.in", "orders.fan", "new", kind="exchange")
        self.bind("orders.fan", "orders.eu", "")
        Policy.objects.create(
            **self.at(), name="limits", pattern="^orders", apply_to="all", priority=0, definition={"max-length": 9, "dead-letter-exchange": "SECRETexchange"}
        )
        self.connect("orders@shop", ("orders.eu", "SECRETqueue"))
        away = {"src": {"queue": "orders.eu"}, "dest": {"queue": "SECRET-ELSEWHERE-queue", "address": f"amqp:///{ELSEWHERE}"}}
        Transfer.objects.create(**self.at(), kind="shovel", name="SECRET-ELSEWHERE-mover", facts=away)
        here = {"src": {"queue": "SECRETqueue"}, "dest": {"exchange": "orders.in"}}
        Transfer.objects.create(**self.at(), kind="shovel", name="SECRETfeeder", facts=here)
        Change.objects.create(**self.at(), at=self.now, kind="queue", what="added", name="orders.eu", text="Queue orders.eu added")

    def _hidden(self, vhost: str, begin: str) -> None:
        self.queue(f"{begin}queue", vhost=vhost, ready=400, highest_depth=500)
        self.exchange(f"{begin}exchange", vhost=vhost)
        for source in (f"{begin}exchange", "orders.in") if vhost == SHOP else (f"{begin}exchange",):
            self.bind(source, f"{begin}queue", f"{begin}key", vhost=vhost)
        at = self.at(vhost)
        Policy.objects.create(**at, name=f"{begin}policy", pattern=f"^{begin}", apply_to="all", priority=0, definition={"max-length": 1})
        self.connect(f"{begin}client", (f"{begin}queue",), vhost=vhost)
        Permission.objects.create(**at, user=f"{begin}user", write=".*")
        ClientTrend.objects.create(**at, user=f"{begin}user", peer_host="10.0.0.9", product="pika", samples=[[60 * i, 5 + 5 * i, 0] for i in range(20)])
        facts = {"src": {"queue": f"{begin}queue"}, "dest": {"exchange": f"{begin}exchange", "address": "amqp://elsewhere.example"}}
        Transfer.objects.create(**at, kind="shovel", name=f"{begin}shovel", facts=facts)
        for kind, name in (("queue", f"{begin}queue"), ("exchange", f"{begin}exchange"), ("binding", f"{begin}binding"), ("policy", f"{begin}policy")):
            Change.objects.create(**at, at=self.now, kind=kind, what="added", name=name, text=f"{kind} {name} added")

    def _history(self) -> None:
        for vhost in (SHOP, ELSEWHERE):
            where = {"broker": self.broker, "vhost": vhost}
            made = Topology(
                vhost,
                tuple(ExchangeDefinition(one.name, one.type, arguments=one.arguments) for one in Exchange.objects.filter(**where).order_by("name")),
                tuple(QueueDefinition(one.name, one.type, arguments=one.arguments) for one in Queue.objects.filter(**where).order_by("name")),
                tuple(BindingDefinition(one.source, one.destination, one.destination_type, one.routing_key) for one in Binding.objects.filter(**where)),
                tuple(PolicyDefinition(one.name, one.pattern, one.apply_to, 0, one.definition) for one in Policy.objects.filter(**where)),
            )
            TopologyVersion.objects.create(**where, at=self.now, content_hash=made.content_hash(), data=zstandard.compress(encode(made)))
        for kind, rows in {
            "broker": {self.broker.pk: (1000, 0, 9.0, 9.0, 9.0, 1.0)},
            "queues": dict.fromkeys(self.keys("queue"), (3, 0, 1, 1.0, 1.0, 1.0, 0.0, 100)),
            "exchanges": dict.fromkeys(self.keys("exchange"), (3.0, 3.0)),
        }.items():
            data = Encoder(kind).encode(rows, 600.0, is_key=True)
            Snapshot.objects.create(broker=self.broker, kind=kind, step=RAW_STEP, at=self.now - timedelta(seconds=20), is_key=True, data=data)

    def at(self, vhost: str = SHOP, broker: Broker | None = None) -> dict[str, Any]:
        return {"broker": broker or self.broker, "vhost": vhost}

    def queue(self, name: str, vhost: str = SHOP, ready: int = 0, **facts: Any) -> Queue:
        known = {"type": "classic", "state": "running", "durable": True, "auto_delete": False, "exclusive": False, "unacknowledged": 0, "consumers": 1}
        made = Queue.objects.create(**self.at(vhost), name=name, ready=ready, depth=ready, first_seen_at=self.now, changed_at=self.now, **{**known, **facts})
        self.bind("", name, name, vhost=vhost)
        return made

    def exchange(self, name: str, vhost: str = SHOP, kind: str = "topic", broker: Broker | None = None, **facts: Any) -> Exchange:
        known = {"durable": True, "auto_delete": False, "internal": False, "first_seen_at": self.now, "changed_at": self.now}
        return Exchange.objects.create(**self.at(vhost, broker), name=name, type=kind, **{**known, **facts})

    def bind(self, source: str, destination: str, key: str = "", kind: str = "queue", vhost: str = SHOP) -> Binding:
        return Binding.objects.create(
            **self.at(vhost), source=source, destination=destination, destination_type=kind, routing_key=key, arguments={}, first_seen_at=self.now
        )

    def connect(self, client: str, queues: Iterable[str] = ("orders.eu",), vhost: str = SHOP, broker: Broker | None = None) -> Connection:
        at, name = self.at(vhost, broker), f"{client} -> 10.0.0.1:5672"
        published = {"publishes": [{"exchange": "SECRETexchange", "per_second": 1.0}, {"exchange": "orders.in", "per_second": 2.0}], "publishes_at": self.now}
        made = Connection.objects.create(**at, name=name, user=client, peer_host="10.0.0.9", client=client, state="running", channels=1, **published)
        Channel.objects.create(**at, name=f"{name} (1)", connection_name=name, number=1, consumers=1)
        for queue in queues:
            Consumer.objects.create(**at, queue=queue, tag=f"tag of {queue}", connection_name=name, channel_name=f"{name} (1)", user=client)
        return made

    @property
    def names(self) -> frozenset[str]:
        return frozenset({*Queue.objects.values_list("name", flat=True), *Exchange.objects.values_list("name", flat=True)})

    def key(self, kind: str, name: str) -> int:
        found: int = _KINDS[kind]._default_manager.get(name__startswith=name).pk
        return found

    def keys(self, kind: str) -> list[int]:
        return list(_KINDS[kind]._default_manager.values_list("pk", flat=True))


def without_echoes(text: str, request: str) -> str:
    """The text without the planted names that the request itself has, each only as a whole.

    >>> without_echoes("SECRET: SECRETqueue, SECRET-ELSEWHERE-queue", "/?q=SECRET&vhost=SECRET-ELSEWHERE")
    ': SECRETqueue, SECRET-ELSEWHERE-queue'
    """
    for name in set(re.findall(r"SECRET[\w-]*", unquote(request))):
        text = re.sub(rf"{name}(?![\w-])", "", text)
    return text


def leaked(client: Client, address: str) -> str:
    """A planted name in an answer that the request did not name, "" if there is none."""
    answer = client.get(address)
    assert answer.status_code < 500, address
    found = re.search(r".{0,60}SECRET.{0,60}", without_echoes(answer.content.decode(), address))
    return f"{answer.status_code} {address}: {found[0]}" if found else ""


def text_of(found: Any) -> str:
    """Everything in it, as text: of rows all columns, without what belongs to their broker."""
    if isinstance(found, Model):
        return repr(model_to_dict(found))
    if isinstance(found, list | tuple | set | frozenset):
        return " ".join(text_of(one) for one in found)
    if isinstance(found, dict):
        return " ".join(f"{text_of(name)} {text_of(value)}" for name, value in found.items())
    return repr(msgspec.structs.asdict(found)) if isinstance(found, msgspec.Struct) else repr(found)
