"""Five common questions, each first done for real and then answered on the page Routing in a newcomer's words.

Words and roles are looked at, never how it is drawn.
"""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Stack
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Workers

KNOWN_SECONDS = 90


class Shop:
    """A virtual host of its own in the broker that Hareline watches: exchanges orders (topic) and notices (headers), queues orders.eu, vip, reports and
    payments, and a worker node that takes from `celery` alone."""

    def __init__(self, node: TestNode, url: str, vhost: str, producer: Celery) -> None:
        self.node, self.url, self.vhost, self.producer = node, url, vhost, producer

    def publish(self, exchange: str, key: str = "", **headers: Any) -> bool:
        """Whether the broker routed it to a queue."""
        message = {"properties": {"headers": headers}, "routing_key": key, "payload": "x", "payload_encoding": "string"}
        return bool(self.node.api("POST", f"exchanges/{self.vhost}/{exchange}/publish", message)["routed"])

    def send(self, task: str, **options: Any) -> str:
        """The uuid."""
        with self.producer.connection_for_write() as link:
            return str(self.producer.send_task(task, connection=link, **options).id)

    def wait_until_alone(self, page: Page, queue: str) -> None:
        """Waits until consumers of the queue, which holds a message, were counted as late as that came, and none was there."""
        stored = f"{self.url}/api/v1/queue?broker=test&vhost={self.vhost}&name={queue}"
        wait_until(lambda: (now := page.request.get(stored).json())["depth"] and now["consumers"] == 0, KNOWN_SECONDS)

    def ended(self, page: Page, uuid: str) -> dict[str, Any]:
        """The task as Hareline knows it, once a worker node has run it and its sender’s event has come."""

        def found() -> dict[str, Any] | None:
            task = page.request.get(f"{self.url}/api/v1/task?uuid={uuid}").json()
            return task if task.get("state") == "SUCCESS" and task["queue"] else None

        return wait_until(found, KNOWN_SECONDS) or {}

    def explain(self, page: Page, kind: str, fields: dict[str, str]) -> Locator:
        """Fills the form in, by the labels of its fields, and submits it; the page that answers."""
        page.goto(f"{self.url}/routing/?broker=test&vhost={self.vhost}")
        page.get_by_role("navigation", name="Kind of question").get_by_role("link", name=kind).click()
        for label, value in fields.items():
            page.get_by_label(label, exact=True).fill(value)
        page.get_by_role("button", name="Explain").click()
        answer = page.get_by_role("main")
        expect(answer.get_by_role("heading", name="Step by step")).to_be_visible()
        return answer


def declare(node: TestNode, vhost: str) -> None:
    for queue in ("orders.eu", "vip", "reports", "payments"):
        node.api("PUT", f"queues/{vhost}/{queue}", {"durable": True})
    node.api("PUT", f"exchanges/{vhost}/orders", {"type": "topic", "durable": True})
    node.api("PUT", f"exchanges/{vhost}/notices", {"type": "headers", "durable": True})
    node.api("POST", f"bindings/{vhost}/e/orders/q/orders.eu", {"routing_key": "order.*.eu", "arguments": {}})
    node.api("POST", f"bindings/{vhost}/e/notices/q/vip", {"routing_key": "", "arguments": {"x-match": "all", "level": 1}})


@pytest.fixture(scope="module")
def shop(stack: Stack, login_cookies: Any, browser: Browser) -> Iterator[Shop]:
    node = stack.node
    vhost = node.new_vhost()
    declare(node, vhost)
    with tempfile.TemporaryDirectory(prefix="hareline-shop-", ignore_cleanup_errors=True) as directory:
        workers = Workers(node, vhost, Path(directory))
        producer = Celery("shop", broker=node.amqp_url(vhost), set_as_current=False)
        producer.conf.update(task_routes={"tasks.*": {"queue": "payments"}}, task_send_sent_event=True, task_ignore_result=True)
        try:
            workers.start("shop@tests", "-c", "1", "-E", "--without-mingle", "--without-gossip", app="shop_app")
            _wait_until_known(stack, browser, login_cookies, vhost)
            yield Shop(node, stack.url, vhost, producer)
        finally:
            workers.end_all()
            workers.app.close()
            producer.close()
            node.api("DELETE", f"vhosts/{vhost}")


def _wait_until_known(stack: Stack, browser: Browser, login_cookies: Any, vhost: str) -> None:
    """Until Hareline has read the bindings, the worker node's configuration and the consumers."""
    context = browser.new_context(storage_state=login_cookies)

    def answered(question: str, words: str) -> bool:
        source = context.request.get(f"{stack.url}/routing/?broker=test&vhost={vhost}&{question}").text()
        return words in html.unescape(re.sub("<[^>]*>", "", source))

    try:
        wait_until(lambda: answered("of=message&exchange=notices&routing_key=", "header level is missing"), KNOWN_SECONDS)
        wait_until(lambda: answered("of=task&task=shop.tasks.pay", "Based on the settings of worker shop@tests"), KNOWN_SECONDS)
        wait_until(lambda: not answered("of=task&task=shop.tasks.pay", "Nobody consumes it"), KNOWN_SECONDS)  # counted by a later poll than the worker is known
    finally:
        context.close()


@pytest.mark.nightly
def test_my_task_went_to_celery_instead_of_my_queue(shop: Shop, page: Page) -> None:
    assert shop.ended(page, shop.send("shop.tasks.pay"))["queue"] == "celery"
    answer = shop.explain(page, "A Celery task", {"Task": "shop.tasks.pay"})
    expect(answer.get_by_role("heading", name="shop.tasks.pay goes to queue celery.")).to_be_visible()
    expect(answer).to_contain_text("Neither the call nor the task's class nor a route names a queue, so the default counts")
    expect(answer).to_contain_text("The route 'tasks.*' nearly fits the task's name, but does not: the task's name begins with 'shop' before that")
    expect(answer).to_contain_text("Based on the settings of worker shop@tests")
    expect(answer).to_contain_text("The last task actually sent went there too")
    expect(answer.get_by_role("link", name="shop@tests").first).to_be_visible()


@pytest.mark.nightly
def test_my_routing_key_is_ignored(shop: Shop, page: Page) -> None:
    assert shop.ended(page, shop.send("shop.tasks.pay", routing_key="payments"))["queue"] == "celery"
    answer = shop.explain(page, "A Celery task", {"Task": "shop.tasks.pay", "routing_key=": "payments"})
    expect(answer.get_by_role("heading", name="shop.tasks.pay goes to queue celery.")).to_be_visible()
    expect(answer).to_contain_text("The call gives routing_key 'payments', which is ignored: no exchange is named beside it")
    expect(answer).to_contain_text("Celery sends straight to the queue, and there the key is the queue's name")


@pytest.mark.nightly
def test_my_message_is_published_but_not_routed(shop: Shop, page: Page) -> None:
    assert not shop.publish("orders", "order.new.us")
    answer = shop.explain(page, "A message", {"Exchange": "orders", "Routing key": "order.new.us"})
    expect(answer.get_by_role("heading", name="No queue receives it from exchange orders with order.new.us")).to_be_visible()
    expect(answer).to_contain_text("no binding matches and the exchange has no alternate")
    expect(answer).to_contain_text("The broker drops it without an error")
    expect(answer).to_contain_text("Delivered to no queue")


@pytest.mark.nightly
def test_the_third_word_is_named_as_a_near_miss(shop: Shop, page: Page) -> None:
    answer = shop.explain(page, "A message", {"Exchange": "orders", "Routing key": "order.new.us", "Expected queue": "orders.eu"})
    expect(answer.get_by_role("heading", name="It does not reach orders.eu: third word is us, wanted eu")).to_be_visible()
    missed = answer.get_by_role("listitem").filter(has_text="order.*.eu").filter(has_text="near miss").last
    expect(missed).to_contain_text("third word is us, wanted eu")
    assert shop.publish("orders", "order.new.eu")
    answer = shop.explain(page, "A message", {"Exchange": "orders", "Routing key": "order.new.eu", "Expected queue": "orders.eu"})
    expect(answer.get_by_role("listitem").filter(has_text="order.*.eu").filter(has_text="matched").last).to_be_visible()


@pytest.mark.nightly
def test_my_headers_binding_never_matches(shop: Shop, page: Page) -> None:
    assert not shop.publish("notices", level="1")
    answer = shop.explain(page, "A message", {"Exchange": "notices", "Headers": '{"level": "1"}'})
    expect(answer.get_by_role("heading", name="No queue receives it from exchange notices")).to_be_visible()
    expect(answer).to_contain_text('header level is "1" (text), wanted 1 (integer): RabbitMQ never converts between types')
    assert shop.publish("notices", level=1)
    shop.wait_until_alone(page, "vip")
    answer = shop.explain(page, "A message", {"Exchange": "notices", "Headers": '{"level": 1}'})
    expect(answer.get_by_role("heading", name="It reaches vip")).to_be_visible()


@pytest.mark.nightly
def test_my_task_waits_in_a_queue_that_nobody_consumes(shop: Shop, page: Page) -> None:
    shop.send("shop.report", queue="reports")
    shop.wait_until_alone(page, "reports")
    answer = shop.explain(page, "A Celery task", {"Task": "shop.report"})
    expect(answer.get_by_role("heading", name="shop.report goes to queue reports and waits: nobody consumes reports.")).to_be_visible()
    expect(answer).to_contain_text("Nobody consumes it: the message waits for a consumer, such as a Celery worker started with -Q reports.")
    expect(answer).to_contain_text("The task's attributes (or task_annotations and settings) give queue 'reports'")
