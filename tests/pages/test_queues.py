"""The queues page: which queues it lists, what it shows where it can't know, and its fragments."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.models import Broker, Channel, Connection, Consumer, Queue, VirtualHost
from dashboard.layout.queue_levels import queue_level
from workers.models import Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    return broker


def queue(broker: Broker, name: str, depth: int | None = 0, vhost: str = "/", **facts: Any) -> Queue:
    now = timezone.now()
    known: dict[str, Any] = {
        "type": "classic",
        "state": "running",
        "durable": True,
        "consumers": 1,
        "ready": depth,
        "unacknowledged": 0 if depth is not None else None,
    }
    return Queue.objects.create(broker=broker, vhost=vhost, name=name, depth=depth, first_seen_at=now, changed_at=now, **{**known, **facts})


def text_of(person: Client, address: str = "/queues/", **query: str) -> str:
    answer = person.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(page: str, *queues: Queue) -> list[str]:
    """The names of those queues that have a row, in the order of the page."""
    places = {page.find(f'id="queue-{queue.pk}"'): queue.name for queue in queues}
    return [name for place, name in sorted(places.items()) if place >= 0]


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/queues/").headers["Location"].startswith("/login/")


def test_the_deepest_queue_comes_first_and_a_heading_sorts_otherwise(person: Client, broker: Broker) -> None:
    small, large, unknown = queue(broker, "small", 3), queue(broker, "large", 12480), queue(broker, "unknown", None)
    page = text_of(person)
    assert listed(page, small, large, unknown) == ["large", "small", "unknown"]
    assert 'aria-sort="descending"' in page and "12,480" in page
    assert listed(text_of(person, sort="name"), small, large, unknown) == ["large", "small", "unknown"]
    assert listed(text_of(person, sort="depth"), small, large, unknown) == ["small", "large", "unknown"]
    assert listed(text_of(person, sort="no-such"), small, large, unknown) == ["large", "small", "unknown"]


@pytest.mark.parametrize("address", ["/queues/", "/exchanges/", "/connections/", "/tasks/", "/workers/?view=table"])
def test_a_phone_that_shows_no_headings_has_a_menu_of_the_orders(person: Client, broker: Broker, address: str) -> None:
    page = person.get(address).content.decode()
    menu = page[page.index('<details class="menu phone-sort">') :]
    menu = menu[: menu.index("</details>")]
    assert menu.count("sort=") >= 4 and menu.count('aria-current="true"') == 1 and "Sorted by " in menu


def test_a_hundred_rows_query_no_more_than_one(person: Client, broker: Broker, django_assert_num_queries: Any) -> None:
    queue(broker, "first")
    text_of(person)
    with CaptureQueriesContext(connection) as one:
        text_of(person)
    query_count = len(one)
    for number in range(99):
        queue(broker, f"queue-{number}")
    text_of(person)
    with django_assert_num_queries(query_count):
        text_of(person)


def test_rows_are_live_and_the_page_names_its_topics(person: Client, broker: Broker) -> None:
    mail = queue(broker, "mail", 5, ack_per_second=1.0)
    page = text_of(person)
    assert f'id="queue-{mail.pk}" data-live data-level="ok" data-stale="no"' in page
    assert f"queues/{broker.pk}/%2F" in page and f"broker/{broker.pk}" in page


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a/b", "طابور", "x" * 255, '"quoted"', "{{ name }}"])
def test_any_name_is_text_and_leads_to_its_page(person: Client, broker: Broker, name: str) -> None:
    odd = queue(broker, name)
    page = text_of(person)
    assert "<script>alert" not in page
    assert f'href="/queues/{odd.pk}/"' in page
    assert text_of(person, f"/queues/{odd.pk}/")


def test_the_view_growing_counts_the_queues_that_are_said_to_grow(person: Client, broker: Broker, now: datetime) -> None:
    rates: dict[str, Any] = {"publish_per_second": 0.0, "ack_per_second": 0.0}
    facts: dict[str, dict[str, Any]] = {
        "fed": {"depth": 7, "consumers": 0, **rates, "publish_per_second": 0.2},
        "fed lately": {"depth": 7, "consumers": 0, **rates, "last_publish_at": now - timedelta(seconds=100)},
        "left alone": {"depth": 7, "consumers": 0, **rates, "last_publish_at": now - timedelta(seconds=140)},
        "empty": {"depth": 0, "consumers": 0, **rates, "publish_per_second": 0.2},
        "consumed": {"depth": 400, "publish_per_second": 5.0, "ack_per_second": 1.0},
        "small": {"depth": 7, "publish_per_second": 5.0, "ack_per_second": 1.0},
        "expiring": {"depth": 7, "consumers": 0, **rates, "publish_per_second": 0.2, "growth_per_second": 0.0},
        "dead letters": {"depth": 7, "consumers": 0, "growth_per_second": 0.4, **rates},
        "expiring faster": {"depth": 400, "publish_per_second": 5.0, "ack_per_second": 1.0, "growth_per_second": 0.0},
        "kept": {"depth": 7, "consumers": 0, "type": "stream", **rates, "publish_per_second": 0.2},
    }
    rows = [queue(broker, name, **known) for name, known in facts.items()]
    growing = {one.name for one in rows if "is growing" in queue_level(one, broker, now).reason}
    assert growing == {"fed", "fed lately", "consumed", "dead letters"}
    assert 'data-text="in">~0.4<' in text_of(person, q="dead")
    assert set(listed(text_of(person, q="is:growing"), *rows)) == growing


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mail", ["mail", "mail.dead"]),
        ("type:quorum", ["orders"]),
        ("depth>10", ["orders", "mail"]),
        ("depth>=20 type:classic", ["mail"]),
        ("consumers=0", ["mail", "mail.dead"]),
        ("worker:none", ["mail", "mail.dead"]),
        ("is:growing", ["orders"]),
        ("depth>=0", ["orders", "mail", "mail.dead", "empty"]),
        ("depth<=0", ["empty"]),
        ("nothing:here", []),
        ("depth>many", []),
    ],
)
def test_the_filter_chooses(person: Client, broker: Broker, text: str, names: list[str]) -> None:
    rates = {"publish_per_second": 5.0, "ack_per_second": 1.0}
    queues = (queue(broker, "orders", 400, type="quorum", **rates), queue(broker, "mail", 20, consumers=0), queue(broker, "mail.dead", 2, consumers=0))
    queues += (queue(broker, "empty", 0, type="classic"),)
    assert listed(text_of(person, q=text), *queues) == names


def test_what_the_filter_can_not_use_is_kept_and_explained(person: Client, broker: Broker) -> None:
    queue(broker, "mail")
    page = text_of(person, q="dept>3 depth>many")
    assert "did you mean depth?" in page
    assert "depth needs a number, for example depth&gt;1000, not many." in page
    assert 'value="dept&gt;3"' in page


def test_a_filter_with_a_mistake_lists_nothing_and_leads_to_what_may_be_meant(person: Client, broker: Broker) -> None:
    mail = queue(broker, "mail", 5)
    page = text_of(person, q="customer=17 mail")
    assert listed(page, mail) == [] and "This filter has a mistake" in page
    assert 'href="/queues/?q=mail"' in page and f'href="/queues/?q={quote(chr(34) + "customer=17" + chr(34))}+mail"' in page
    assert "No queues match" not in page and "0 queues" not in page
    assert 'All <span class="view-count">1</span>' in page and 'href="/queues/?q=mail+worker%3Anone"' in page


def test_chips_can_be_taken_out_one_by_one(person: Client, broker: Broker) -> None:
    queue(broker, "mail", 5)
    page = text_of(person, q="type:classic depth>1 mail")
    assert f'href="/queues/?q={quote("depth>1")}+mail"' in page
    assert 'aria-label="Remove type:classic"' in page
    assert 'name="q" value="mail"' in page


def test_two_fields_of_a_browser_without_scripts_are_one_filter(person: Client, broker: Broker) -> None:
    mail, orders = queue(broker, "mail", 5), queue(broker, "orders", 5)
    answer = person.get("/queues/?q=type:classic&q=mail")
    assert listed(answer.content.decode(), mail, orders) == ["mail"]


def test_a_filter_that_hides_everything_names_what_hides_most(person: Client, broker: Broker) -> None:
    for number in range(3):
        queue(broker, f"mail.{number}", 5)
    page = text_of(person, q="type:classic depth>1000")
    assert "No queues match this filter" in page
    assert "Without <code>depth&gt;1000</code>, 3 queues match." in page
    assert 'href="/queues/?q=type%3Aclassic">Remove depth&gt;1000</a>' in page


def test_views_carry_counts_of_now_and_keep_the_rest_of_the_filter(person: Client, broker: Broker) -> None:
    queue(broker, "mail", 5000, consumers=0)
    queue(broker, "orders", 2)
    page = text_of(person, part="views", q="type:classic")
    assert 'No consumers <span class="view-count">1</span>' in page
    assert 'All <span class="view-count">2</span>' in page
    assert "q=type%3Aclassic+worker%3Anone" in page


def test_celerys_own_queues_are_hidden_and_counted(person: Client, broker: Broker) -> None:
    own = [queue(broker, name) for name in ("a@h.celery.pidbox", "celeryev.1", "hareline.0.events")]
    mail = queue(broker, "mail")
    page = text_of(person)
    assert listed(page, mail, *own) == ["mail"]
    assert "3 internal queues (Celery, Hareline) hidden." in page
    assert len(listed(text_of(person, own="show"), mail, *own)) == 4


def test_a_page_has_at_most_fifty_rows(person: Client, broker: Broker) -> None:
    queues = [queue(broker, f"q{number:03}", number) for number in range(55)]
    first, second = text_of(person), text_of(person, page="2")
    assert len(listed(first, *queues)) == 50 and "1–50 of 55" in first and 'href="/queues/?page=2"' in first
    assert listed(second, *queues) == ["q004", "q003", "q002", "q001", "q000"]
    assert len(listed(text_of(person, page="99"), *queues)) == 5
    assert len(listed(text_of(person, page="-1"), *queues)) == 50


def test_who_consumes_is_the_worker_behind_the_connection(person: Client, broker: Broker, now: datetime) -> None:
    mail = queue(broker, "mail", 3)
    worker = Worker.objects.create(broker=broker, vhost="/", hostname="a@web-1", state="online", first_seen_at=now, changed_at=now)
    Connection.objects.create(broker=broker, vhost="/", name="c1", user="u", peer_host="10.0.0.1")
    Channel.objects.create(broker=broker, vhost="/", name="c1 (1)", connection_name="c1", number=1)
    for name in ("mail", "a@web-1.celery.pidbox"):
        Consumer.objects.create(broker=broker, vhost="/", queue=name, tag="None1", connection_name="c1", channel_name="c1 (1)", peer_host="10.0.0.1")
    other = queue(broker, "other", 3)
    assert f'href="/workers/{worker.pk}/"' in text_of(person)
    assert listed(text_of(person, q="worker:a@web-1"), mail, other) == ["mail"]
    assert listed(text_of(person, q="worker:nobody@x"), mail, other) == []


def test_of_an_unreachable_broker_old_numbers_stay_with_their_age(person: Client, broker: Broker, now: datetime) -> None:
    mail = queue(broker, "mail", 19)
    broker.state, broker.reason, broker.polled_at = Broker.UNREACHABLE, "connection refused at rabbit-1:15671", now - timedelta(minutes=4)
    broker.save()
    page = text_of(person)
    assert f'id="queue-{mail.pk}" data-live data-level="unknown" data-stale="yes"' in page
    assert "Queues of prod are unknown, because prod is unreachable." in page
    assert "connection refused at rabbit-1:15671" in page and "as of " in page


@pytest.mark.parametrize("path", ["/queues/", "/connections/"])
def test_the_views_of_a_broker_that_never_answered_count_nothing(person: Client, now: datetime, path: str) -> None:
    Broker.objects.create(name="prod", state="unreachable", reason="nothing listens", since=now)
    page = person.get(path).content.decode()
    assert '<span class="view-count">–</span>' in page
    assert '<span class="view-count">0</span>' not in page


def test_an_unreachable_broker_without_queues_never_has_zero(person: Client, now: datetime) -> None:
    Broker.objects.create(name="prod", state=Broker.UNREACHABLE, reason="connection refused", since=now)
    page = text_of(person)
    assert "Queues are unknown" in page and "No queues yet" not in page


def test_what_our_user_may_not_see_is_listed_with_the_command_that_grants_it(person: Client, broker: Broker) -> None:
    broker.limits = [
        {"vhost": "/shop", "what": "queues", "why": "our user has no permission there", "grant": "rabbitmqctl set_permissions -p /shop u '' '' ''"}
    ]
    broker.save()
    page = text_of(person)
    assert "No permission to list queues" in page
    assert "rabbitmqctl set_permissions -p /shop" in page


def test_without_a_broker_the_page_explains_how_to_watch_one(person: Client) -> None:
    assert "HARELINE_BROKERS" in text_of(person)


def test_an_empty_broker_is_shown_as_such(person: Client, broker: Broker) -> None:
    assert "No queues yet" in text_of(person)


def test_a_fragment_is_the_very_part_of_the_page(person: Client, broker: Broker) -> None:
    mail = queue(broker, "mail", 5)
    answer = person.get("/queues/", {"part": "table"}, headers={"HX-Request": "true"})
    fragment = answer.content.decode()
    assert f'id="queue-{mail.pk}"' in fragment and "<html" not in fragment
    assert fragment.strip()[:200] in text_of(person)


def completions(person: Client, typed: str) -> list[tuple[str, str]]:
    """Each completion of a word, with its note."""
    html = person.get("/queues/", {"part": "completion", "typed": typed}).content.decode()
    return [(unescape(text), unescape(note)) for text, note in re.findall(r'data-text="([^"]*)".*?<span>([^<]*)</span>', html)]


def test_the_completion_knows_what_exists(person: Client, broker: Broker) -> None:
    queue(broker, "mail", vhost="/shop")
    queue(broker, "orders", type="quorum", vhost="two words")
    assert completions(person, "vhost:") == [("vhost:/shop", "1 queue"), ('vhost:"two words"', "1 queue")]
    assert completions(person, 'vhost="two w') == [('vhost="two words"', "1 queue")]
    assert completions(person, "type:QU") == [("type:quorum", "1 queue")]
    assert completions(person, "worker:")[0] == ("worker:none", "0 queues no consumers")


def test_a_word_is_completed_to_the_qualifiers_that_begin_so(person: Client, broker: Broker) -> None:
    assert [text for text, _ in completions(person, "d")] == ["durable:", "depth>"]
    assert completions(person, "") == completions(person, "nothing:") == completions(person, "mail") == []
    assert completions(person, "node:<b>") == []


def test_no_markup_carries_a_style(person: Client, broker: Broker) -> None:
    mail = queue(broker, "mail", 5)
    assert " style=" not in text_of(person)
    assert " style=" not in text_of(person, f"/queues/{mail.pk}/")
