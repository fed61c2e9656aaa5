"""The finder: what is found by name or id, as links, and how much more there is."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

import pytest
from django.test import Client

from brokers.models import Broker, Queue
from tests.pages.test_query_counts import Shop, queries_of
from workers.models import Task

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
UUID = "0f4cf4ae-7d8a-4c2e-9b1d-3a5f6e7d8c9b"


@pytest.fixture
def shop(now: datetime) -> Shop:
    return Shop(now)


def found(person: Client, text: str) -> tuple[list[tuple[str, str]], str]:
    """(address, name) of each line, and the note."""
    answer = person.get("/find/", {"q": text}, headers=HTMX)
    assert answer.status_code == 200
    html = unescape(answer.content.decode())
    return re.findall(r'href="(/[^"]*)".*?class="name">([^<]*)<', html), html.split('hx-swap-oob="innerHTML">')[1].split("</p>")[0]


def test_queues_exchanges_and_workers_are_found_by_a_part_of_their_name(person: Client, shop: Shop) -> None:
    assert found(person, "mai") == ([(f"/queues/{shop.keys['queue']}/", "mail")], "1 found")
    assert found(person, " ORDERS ") == ([(f"/exchanges/{shop.keys['exchange']}/", "shop.orders")], "1 found")
    assert found(person, "web-1") == ([(f"/workers/{shop.keys['worker']}/", "a@web-1")], "1 found")


def test_what_has_the_text_as_its_whole_name_comes_first(person: Client, shop: Shop) -> None:
    Queue.objects.create(**shop.seen, name="a@web-1.celery.pidbox")
    assert [name for _, name in found(person, "a@web-1")[0]] == ["a@web-1", "a@web-1.celery.pidbox"]
    assert [name for _, name in found(person, "a@web")[0]] == ["a@web-1.celery.pidbox", "a@web-1"]


def test_a_task_is_found_by_its_id_or_the_beginning_of_it(person: Client, shop: Shop) -> None:
    task = Task.objects.create(**shop.seen, uuid=UUID, name="shop.ship", state="SUCCESS")
    for text in (UUID, UUID[:8], UUID.upper(), f"  {UUID[:4]} "):
        assert found(person, text) == ([(f"/tasks/{task.pk}/", "shop.ship")], "1 found")
    for text in (UUID[:3], UUID[1:9], f"{UUID}x"):
        assert found(person, text)[0] == []


def test_a_short_list_says_how_much_more_there_is(person: Client, shop: Shop) -> None:
    for number in range(9):
        Queue.objects.create(**shop.seen, name=f"report.{number}")
    lines, note = found(person, "report")
    assert ([name for _, name in lines], note) == ([f"report.{number}" for number in range(6)], "6 shown, 3 more")
    assert [name for _, name in found(person, "4 rep")[0]] == ["report.4"]


def test_nothing_is_said_of_nothing_and_what_was_typed_is_text(person: Client, shop: Shop) -> None:
    assert found(person, " ") == ([], "")
    assert found(person, "<b>") == ([], "No queue, exchange, worker or task id matches “<b>”")
    assert b"<b>" not in person.get("/find/", {"q": "<b>"}).content
    assert found(person, "x" * 3000)[0] == []


def test_without_scripts_the_search_is_a_page_of_its_own(person: Client, shop: Shop) -> None:
    task = Task.objects.create(**shop.seen, uuid=UUID, name="shop.ship", state="SUCCESS")
    page = person.get("/find/", {"q": UUID}).content.decode()
    assert f"<h1>Search for “<bdi>{UUID}</bdi>”</h1>" in page and "1 found." in page and f'href="/tasks/{task.pk}/"' in page
    assert "No queue, exchange, worker or task id matches “&lt;b&gt;”." in person.get("/find/", {"q": "<b>"}).content.decode()


def test_brokers_that_never_answered_are_named_since_what_they_have_is_unknown(person: Client, shop: Shop) -> None:
    other = Broker.objects.create(name="staging", state=Broker.UNREACHABLE)
    assert found(person, "mai")[1] == "1 found; staging has never answered, so the names there are unknown"
    assert found(person, "zzz")[1].endswith("matches “zzz”; staging has never answered, so the names there are unknown")
    other.delete()
    assert found(person, "mai")[1] == "1 found"


def test_a_stranger_finds_nothing(client: Client) -> None:
    assert client.get("/find/", {"q": "mail"}).status_code == 302


def test_finding_takes_few_questions(person: Client, shop: Shop) -> None:
    assert len(queries_of(person, "/find/?q=mail", **HTMX)) <= 14


def test_the_search_as_a_page_of_its_own_shows_what_the_menu_leaves_out(person: Client, shop: Shop) -> None:
    Queue.objects.bulk_create(Queue(**shop.seen, name=f"feed.{number}") for number in range(8))
    assert found(person, "feed")[1] == "6 shown, 2 more"
    assert "8 found." in person.get("/find/", {"q": "feed"}).content.decode()
