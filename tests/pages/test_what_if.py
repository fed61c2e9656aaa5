"""The panel "What if" of the page Routing: changes in the address, before and after side by side, and suggestions. Nothing is changed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from brokers.models import Binding, Broker
from tests.pages import why
from tests.pages.why import page, read, text_of

pytestmark = pytest.mark.django_db

broker = why.broker

EU = {"source": "shop.orders", "destination": "orders.eu", "destination_type": "queue", "routing_key": "order.*.eu", "arguments": {}}
US_KEY = {"exchange": "shop.orders", "routing_key": "order.new.us"}
WIDER = {"change": "replace_binding", **EU, "with": {"routing_key": "order.*.#"}}


def panel(source: str) -> str:
    return text_of('id="content"' + source.split('id="what-if"')[1])


def link(source: str, words: str) -> dict[str, str]:
    """The fields of the address behind the first link with these words."""
    before = source.split(f'#what-if">{words}')[0]
    address = before.rpartition('href="')[2].replace("&amp;", "&")
    return {name: found[0] for name, found in parse_qs(urlsplit(address).query, keep_blank_values=True).items()}


def test_a_near_miss_is_answered_with_what_would_help(person: Client, broker: Broker) -> None:
    source = page(person, **US_KEY, expected="orders.eu")
    words = panel(source)
    assert "nothing is changed in the broker" in words
    assert "Changing binding order.*.eu to order.*.* would also deliver to orders.eu. compare before and after" in words
    followed = panel(page(person, **link(source, "compare before and after")))
    assert "The binding order.*.eu from shop.orders to queue orders.eu is changed to order.*.*." in followed
    assert "It would also reach queue orders.eu; orders.us still gets it." in followed
    assert "Now It does not reach orders.eu: third word is us, wanted eu" in followed
    assert "After the changes It reaches orders.eu. orders.eu only here consumed" in followed


def test_nothing_in_the_broker_changes(person: Client, broker: Broker) -> None:
    before = list(Binding.objects.values())
    page(person, **US_KEY, what_if=json.dumps([WIDER]))
    assert list(Binding.objects.values()) == before


def test_a_form_adds_its_change_to_those_in_the_address(person: Client, broker: Broker) -> None:
    removed = {"change": "remove_binding", "if_binding": json.dumps({**EU, "destination": "orders.us", "routing_key": "order.*.us"})}
    source = page(person, **US_KEY, what_if=json.dumps([WIDER]), **removed)
    words = panel(source)
    assert "is changed to order.*.#. Remove" in words
    assert "The binding order.*.us from shop.orders to queue orders.us is removed. Remove" in words
    assert "It would reach queue orders.eu, and no longer orders.us." in words
    assert [one["change"] for one in json.loads(link(source, "Remove")["what_if"])] == ["remove_binding"]


def test_the_question_and_its_changes_are_kept_by_the_forms(person: Client, broker: Broker) -> None:
    source = page(person, exchange="shop.headers", routing_key="", headers='{"level": 1}')
    form = source.split('aria-label="Add a binding"')[1].split("</form>")[0]
    for name, value in (("of", "message"), ("exchange", "shop.headers"), ("routing_key", ""), ("headers", "{&quot;level&quot;: 1}")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in form


def test_another_message_is_explained_under_the_same_changes(person: Client, broker: Broker) -> None:
    form = page(person, **US_KEY, what_if=json.dumps([WIDER])).split('aria-label="A message"')[1].split("</form>")[0]
    assert '<input type="hidden" name="what_if" value="[{&quot;change&quot;:&quot;replace_binding&quot;' in form


def test_the_listed_bindings_can_be_chosen_with_their_key(person: Client, broker: Broker) -> None:
    source = page(person, **US_KEY)
    choices = source.split('id="if_binding"')[1].split("</select>")[0]
    assert choices.index("shop.orders → orders.eu: order.*.eu") < choices.index("shop.orders → orders.us: order.*.us")  # the near miss first
    assert 'name="if_key" value="order.*.eu"' in source


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"change": "replace_binding", "if_binding": json.dumps(EU), "if_key": "#"}, "It would also reach queue orders.eu; orders.us still gets it."),
        (
            {"change": "add_binding", "if_source": "shop.orders", "if_destination": "reports", "if_key": "order.#"},
            "It would also reach queue reports; orders.us still gets it. Nobody consumes reports: it would wait there.",
        ),
        (
            {"change": "set_policy", "if_pattern": "^orders", "if_apply": "queues", "if_definition": '{"message-ttl": 500}'},
            "In orders.us it would expire after 500 ms instead of never.",
        ),
        (
            {"change": "set_policy", "if_operator": "1", "if_pattern": "^orders", "if_definition": '{"max-length": 5}', "if_priority": "1.5"},
            "Operator policy what-if applies to queues and exchanges matching ^orders, priority 1.5",
        ),
        ({"change": "set_alternate", "if_exchange": "shop.orders", "if_alternate": "shop.headers"}, "The alternate of shop.orders is shop.headers."),
        (
            {"change": "set_queue_argument", "if_holder": "orders.us", "if_argument": "x-message-ttl", "if_value": "500"},
            "In orders.us it would expire after 500 ms instead of never.",
        ),
        (
            {"change": "set_queue_argument", "if_holder": "orders.us", "if_argument": "x-single-active-consumer", "if_value": "true"},
            "orders.us would deliver to one consumer at a time.",
        ),
    ],
)
def test_each_form_makes_its_change(person: Client, broker: Broker, fields: dict[str, str], text: str) -> None:
    assert text in panel(page(person, **US_KEY, **fields))


def test_a_route_of_a_task_is_compared(person: Client, broker: Broker) -> None:
    source = page(person, of="task", task="shop.pay", change="set_route", if_route="shop.*", if_queue="orders.eu")
    words = panel(source)
    assert "The route shop.* of task_routes gives queue orders.eu. Remove" in words
    assert "Now Where shop.pay goes is unknown; by Celery’s defaults it would go to queue celery. celery only here" in words
    assert "After the changes shop.pay goes to queue orders.eu. orders.eu only here" in words
    assert "This change can’t be applied" in panel(page(person, 422, of="task", task="shop.pay", change="remove_route", if_route="shop.*"))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"change": "add_binding", "if_source": "nowhere", "if_destination": "reports"}, 'source: there is no exchange "nowhere".'),
        ({"change": "set_policy", "if_pattern": "(", "if_definition": '{"message-ttl": 1}'}, "pattern: is not a valid pattern"),
        ({"change": "set_policy", "if_pattern": "a", "if_definition": "{"}, "Line 1, column 2:"),
        ({"change": "set_policy", "if_pattern": "a", "if_priority": "high", "if_definition": '{"a": 1}'}, "priority: must be a number, not text."),
        ({"change": "set_policy", "if_pattern": "a"}, "definition: must hold the settings of the policy"),
        ({"change": "remove_binding", "if_binding": ""}, "source: is missing."),
        ({"change": "remove_alternate", "if_exchange": "shop.orders"}, 'exchange: "shop.orders" has no alternate exchange of its own'),
        ({"change": "remove_policy", "if_name": "none", "if_operator": "1"}, 'name: there is no operator policy "none".'),
        (
            {"change": "set_queue_argument", "if_holder": "orders.us", "if_argument": "x-delivery-limit", "if_value": "5"},
            "argument: can't be set: RabbitMQ refuses the argument x-delivery-limit for a classic queue.",
        ),
        ({"change": "replace_binding", "if_binding": json.dumps({**EU, "routing_key": "gone"})}, "This change: there is no such binding"),
        ({"change": "paint"}, "change: must be one of add_binding"),
        ({"what_if": "{"}, "The changes in the address can’t be read. Line 1, column 2:"),
        ({"what_if": "[5]"}, "The changes in the address must be at most 20 objects"),
        ({"what_if": '{"change": "paint"}'}, "The changes in the address can’t be read."),
        ({"what_if": json.dumps([{"change": "remove_policy", "name": f"p{number}"} for number in range(30)])}, 'there is no policy "p0"'),
    ],
)
def test_a_change_that_does_not_fit_is_reported_and_the_answer_stays(person: Client, broker: Broker, fields: dict[str, str], problem: str) -> None:
    source = page(person, 422, **US_KEY, **fields)
    assert problem in panel(source)
    assert "It reaches queue orders.us" in text_of(source)


def test_what_was_filled_in_wrongly_stands_in_its_form_again(person: Client, broker: Broker) -> None:
    source = page(person, 422, **US_KEY, change="set_policy", if_pattern="^a(", if_definition='{"message-ttl": 1}')
    assert '<details open><summary class="button">A policy…</summary>' in source
    assert 'value="^a("' in source


def test_a_change_that_fits_stays_where_another_does_not(person: Client, broker: Broker) -> None:
    words = panel(page(person, 422, **US_KEY, what_if=json.dumps([WIDER, {"change": "paint"}])))
    assert "It would also reach queue orders.eu; orders.us still gets it." in words
    assert "change: must be one of" in words


def test_names_from_outside_are_escaped(person: Client, broker: Broker) -> None:
    nasty: dict[str, Any] = {"change": "set_policy", "name": "<b>x</b>", "pattern": "<i>", "definition": {"dead-letter-exchange": "<u>"}}
    source = page(person, **US_KEY, what_if=json.dumps([nasty]))
    assert "<b>x</b>" not in source
    assert "&lt;b&gt;x&lt;/b&gt;" in source
    assert "<i>" not in source.split('id="what-if"')[1]


def test_the_panel_waits_for_a_question(person: Client, broker: Broker) -> None:
    assert 'id="what-if"' not in page(person)
    assert "orders.us" in read(person, **US_KEY)
