"""Where messages go in the demo's own shop: predicted from what our poller stored, by the code behind the page, and what the broker then did."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from brokers import store
from brokers.management.management_api import ManagementApi
from brokers.polling.poll_memory import PollMemory
from brokers.routing.answer import as_json
from brokers.scope import EVERYTHING
from dashboard.why import loaded_vhost
from dashboard.why.explanations import explain_message
from script.rabbitmq_program import declare
from tests.brokers.polled import poll_once, save_whole_poll
from tests.brokers.routing.publishing import connected, different, publish
from tests.conftest import TestNode
from workers.demo import shop

pytestmark = pytest.mark.django_db
PUBLISHES = 200
DEFINITIONS = Path(shop.__file__).with_name("definitions.json")


def in_the_shop(kind: str) -> list[dict[str, Any]]:
    return [one for one in shop.DEFINITIONS[kind] if one["vhost"] == shop.VHOST]


EXCHANGES, QUEUES = ([one["name"] for one in in_the_shop(kind)] for kind in ("exchanges", "queues"))
KEYS = sorted({binding["routing_key"] for binding in in_the_shop("bindings")})
WORDS = sorted({word for key in KEYS for word in key.split(".")} | {"new", "EU", ""})
HEADERS: dict[str, tuple[Any, ...]] = {"kind": ("receipt", "newsletter", "letter"), "paid": (True, False, "true", 1), "list": ("weekly", "daily", None)}


def message(rng: random.Random) -> dict[str, Any]:
    """As the shop sends them, and as somebody would who mistook a word, a type or a name."""
    exchange = rng.choice(["", *EXCHANGES, "shop.order"])
    words = [rng.choice(WORDS) if word in ("*", "#") or rng.random() < 0.2 else word for word in rng.choice(KEYS).split(".")]
    headers = {name: rng.choice(HEADERS[name]) for name in rng.sample(sorted(HEADERS), rng.randint(0, 3))}
    if rng.random() < 0.1:
        headers["CC"] = [rng.choice([*KEYS, *QUEUES])]
    return {"exchange": exchange, "routing_key": ".".join(words) if exchange else rng.choice([*QUEUES, "nowhere"]), "headers": headers}


def declared(node: TestNode, vhost: str, directory: Path) -> None:
    """The shop in a virtual host of this test, made as `script/demo` makes it, then as the shop's Celery nodes do."""
    copied = directory / "definitions.json"
    copied.write_text(DEFINITIONS.read_text(encoding="utf-8").replace(f'"{shop.VHOST}"', f'"{vhost}"'), encoding="utf-8")
    declare(node, copied)
    with Connection(node.amqp_url(vhost)) as connection:
        for name in shop.CELERY_QUEUES:
            shop.queue(name)(connection).declare()


def polled(node: TestNode) -> Any:
    """The broker's row, once everything that the poller reads of it is stored."""
    now = datetime.now(UTC)
    address = node.address("shop")
    row = store.ensure_brokers([address], now)["shop"]
    poll = poll_once(ManagementApi(address), now, PollMemory())
    save_whole_poll(row.pk, poll, now, store.BrokerMemory(5), lambda: True)
    row.refresh_from_db()
    return row


def test_two_hundred_random_messages_of_the_shop_arrive_where_the_page_predicts(rabbitmq: TestNode, vhost: str, tmp_path: Path) -> None:
    declared(rabbitmq, vhost, tmp_path)
    loaded = loaded_vhost.load(EVERYTHING, polled(rabbitmq), vhost, datetime.now(UTC))
    rng = random.Random(4)
    messages = {str(number): message(rng) for number in range(PUBLISHES)}
    answers = {name: as_json(explain_message(loaded, one)) for name, one in messages.items()}
    with connected(rabbitmq, vhost) as connection:
        fate = publish(connection, messages, QUEUES)
    assert different(messages, answers, fate) == {}
    assert all(answer["certain"] for answer in answers.values())
    assert min(len(fate.queues), len(fate.returned), len(fate.refused)) > 15
    assert {name for holders in fate.queues.values() for name in holders} == set(QUEUES)
