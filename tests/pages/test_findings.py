"""The findings page: worst first, quiet when healthy, plain when the rules do not look; a finding's own page, and what is over."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from brokers.models import Broker, Queue
from dashboard import store
from dashboard.findings import filter as finding_filter
from dashboard.models import Finding, FindingEvent, Silence
from tests.findings.stored import finding, looked
from tests.people import person as person_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, revision=1)


def page(person: Client, address: str = "/findings/", status: int = 200) -> str:
    answer = person.get(address)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def test_a_healthy_page_is_quiet_and_shows_when_and_by_how_many_rules_it_was_checked(person: Client, prod: Broker, now: datetime) -> None:
    looked(prod, at=now - timedelta(seconds=2))
    html = page(person)
    assert "<h2>Nothing is wrong</h2>" in html
    assert re.search(r">\d s ago</time> by \d+ rules", html)
    assert "do not look" not in html and "Not everything" not in html


@pytest.mark.parametrize("ago", [None, timedelta(minutes=8)])
def test_it_is_plain_when_the_rules_have_not_looked_for_a_while(person: Client, prod: Broker, now: datetime, ago: timedelta | None) -> None:
    if ago:
        looked(prod, at=now - ago)
    html = page(person)
    assert "The rules do not look at prod." in html and "The rules do not look at Hareline itself." in html
    assert "They never have" in html if ago is None else "8 min ago" in html
    assert "Nothing is wrong" not in html


def test_what_could_not_be_checked_is_listed_with_its_reason_and_rules_that_failed(person: Client, prod: Broker, now: datetime) -> None:
    looked(prod, at=now, unsure={"no_consumer": "the queues of prod have not been read for 3 min"}, failed=["broker_away"])
    html = page(person)
    assert "<b>prod</b>: the queues of prod have not been read for 3 min. Not checked: Nobody consumes." in html
    assert "<b>Broker not visible</b>: the rule failed" in html
    assert "Not everything could be checked" in html


def test_open_ones_are_listed_worst_first_with_the_worst_one_beside_them(person: Client, prod: Broker, now: datetime) -> None:
    looked(prod, at=now)
    finding(prod, now, "thumbnails", "notice")
    finding(prod, now, "mail")
    html = page(person)
    assert html.index("<b>mail is growing") < html.index("<b>thumbnails is growing")
    assert 'id="finding-title">mail is growing and nobody consumes it</h2>' in html
    assert "critical since" in html and ">6 min" in html


def test_what_another_finding_explains_stands_under_that_one(person: Client, prod: Broker, now: datetime) -> None:
    cause = finding(prod, now, "prod", rule="broker_away", kind="broker", title="prod is unreachable")
    effect = finding(prod, now, "mail", under=cause)
    html = page(person)
    assert "<b>mail is growing" not in html
    assert f'<a href="/findings/{effect.pk}/">' in html
    assert "Explained by <a" in page(person, f"/findings/{effect.pk}/")


def test_silenced_ones_stand_apart_with_reason_and_end(person: Client, prod: Broker, now: datetime) -> None:
    looked(prod, at=now)
    finding(prod, now)
    Silence.objects.create(name="m*", reason="moves on Friday", user_name="AL", begun_at=now, until=now + timedelta(days=3))
    html = page(person)
    assert "Silenced <span" in html and "AL: “moves on Friday”" in html
    assert "Nothing is wrong" in html
    assert "1 finding silenced" in html


def test_what_was_cleared_today_is_listed_with_its_length(person: Client, prod: Broker, now: datetime) -> None:
    at = now.replace(hour=0, minute=0, second=30, microsecond=0)
    finding(prod, now, opened_at=at - timedelta(minutes=6), since=None, closed_at=at)
    finding(prod, now, "old", opened_at=at - timedelta(days=2), closed_at=at - timedelta(days=1, minutes=1))
    html = page(person)
    assert "00:00:30, 6 min" in html
    assert "<b>old is" not in html
    assert "<b>old is" in page(person, "/findings/?q=state:closed")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from:2026-11-23T22:00 to:2026-11-24T06:00", {"night"}),
        ("from:2026-11-24T00:00", {"night", "morning", "mail"}),
        ("to:2026-11-24T00:00", {"evening", "night"}),
        ("state:closed level:warning", {"morning"}),
        ("state:open", {"mail"}),
        ("state:silenced", set()),
        ("rule:broker_away", {"evening"}),
        ("broker:prod vhost:/shop", {"evening"}),
        ("state:closed name:NING", {"evening", "morning"}),
        ("state:closed nobody night", {"night"}),
        ("level:loud", set()),
    ],
)
def test_past_and_present_are_searched(person: Client, prod: Broker, now: datetime, text: str, names: set[str]) -> None:
    midnight = datetime.fromisoformat("2026-11-24T00:00:00Z")
    past = {"evening": (-4, -3), "night": (-1, 3), "morning": (7, 8)}
    for name, (begun, ended) in past.items():
        values = {"evening": {"rule": "broker_away", "vhost": "/shop"}, "morning": {"level": "warning"}}.get(name, {})
        opened, closed = (midnight + timedelta(hours=hours) for hours in (begun, ended))
        finding(prod, now, name, opened_at=opened, since=None, closed_at=closed, **values)
    finding(prod, now, opened_at=midnight + timedelta(hours=9))
    html = page(person, f"/findings/?q={text.replace(' ', '+').replace(':', '%3A')}")
    assert {name for name in (*past, "mail") if f"<b>{name} is growing" in html} == names


def test_a_thousand_open_ones_are_paged_and_take_as_many_questions_as_one(person: Client, prod: Broker, now: datetime) -> None:
    looked(prod, at=now)

    def questions() -> int:
        store.comment_on_finding(first, "ada", "x", now)  # another revision
        with CaptureQueriesContext(connection) as queries:
            page(person)
        return len(queries)

    first = finding(prod, now)
    page(person)
    one = questions()
    values = {field.name: getattr(first, field.name) for field in Finding._meta.fields if field.name not in ("id", "identity", "name")}
    Finding.objects.bulk_create(Finding(identity=str(number), name=f"queue-{number}", **values) for number in range(999))
    store.comment_on_finding(first, "ada", "x", now)
    html = page(person)
    assert "1,000, worst first" in html and "Page 1 of 20" in html
    assert html.count("findings-line") < 60
    assert questions() <= one
    of_the_past = page(person, "/findings/?q=from%3A-24h&page=20")
    assert "Page 20 of 20" in of_the_past
    last = Finding.objects.latest("pk").pk
    assert f"/findings/{last}/" in of_the_past and f"/findings/{last}/" not in html and f"/findings/{first.pk + 1}/" not in of_the_past
    assert "Page 2 of 20" in page(person, "/findings/?page=2")


def test_one_that_is_not_seen_any_more_says_since_when_until_it_is_cleared(person: Client, prod: Broker, now: datetime) -> None:
    looked(prod, at=now)
    one = finding(prod, now)
    for path in (f"/findings/{one.pk}/", "/"):
        assert "ot seen since" not in page(person, path)
    Finding.objects.update(absent_since=now - timedelta(seconds=20))
    for path in (f"/findings/{one.pk}/", "/"):
        assert "Not seen since <b>" in page(person, path)
    Finding.objects.update(closed_at=now, close_reason="cleared")
    assert "ot seen since" not in page(person, f"/findings/{one.pk}/")


def test_a_finding_shows_all_there_is_in_order(person: Client, prod: Broker, now: datetime) -> None:
    mail = Queue.objects.create(broker=prod, vhost="/", name="mail", first_seen_at=now, changed_at=now)
    one = finding(prod, now, object_id=mail.pk)
    html = page(person, f"/findings/{one.pk}/")
    wanted = (
        "<h1",
        "12,480 messages wait.",
        "What it means",
        "likeliest first",
        "Both nodes",
        "cancelled",
        "What to do",
        "Evidence",
        "+1,440/min",
        "over 5 min",
    )
    places = [html.index(text, html.index('id="finding-title"') - 10) for text in wanted]
    assert places == sorted(places)
    assert "celery -A proj worker -Q mail" in html
    assert f'href="/queues/{mail.pk}/"' in html
    assert 'href="/tasks/?broker=prod&vhost=%2F&q=queue%3Amail"' in html
    assert "It clears when a client consumes it." in html
    assert "Depth of mail" in html and '"text": "began"' in html.replace('":"', '": "')


def test_the_same_before_is_counted_with_its_lengths_and_what_was_written(person: Client, prod: Broker, now: datetime) -> None:
    before = finding(prod, now, opened_at=now - timedelta(days=10), since=now - timedelta(days=10), closed_at=now - timedelta(days=10) + timedelta(minutes=17))
    FindingEvent.objects.create(finding=before, at=now, kind="comment", user_name="AL", text="again since 5.7")
    finding(prod, now, opened_at=now - timedelta(days=40), closed_at=now - timedelta(days=40))
    html = page(person, f"/findings/{finding(prod, now).pk}/")
    assert "twice in 30 days" in html
    assert "17 min, critical" in html
    assert "AL: “again since 5.7”" in html


def test_one_that_is_over_says_so_and_offers_nothing_to_do_with_it(person: Client, prod: Broker, now: datetime) -> None:
    one = finding(prod, now, closed_at=now - timedelta(minutes=1))
    html = page(person, f"/findings/{one.pk}/")
    assert "after 5 min" in html and "I am on it" not in html and "Silence…" not in html


def test_one_that_cant_be_seen_now_says_why(person: Client, prod: Broker, now: datetime) -> None:
    one = finding(prod, now, unsure="prod is unreachable")
    assert "Neither confirmed nor cleared now: prod is unreachable." in page(person, f"/findings/{one.pk}/")


def test_names_are_text_whatever_they_hold(person: Client, prod: Broker, now: datetime) -> None:
    one = finding(prod, now, "<b>x</b>", short="", title="<script>x</script>")
    for address in ("/findings/", f"/findings/{one.pk}/", f"/findings/silence/?finding={one.pk}"):
        assert "<script>x</script>" not in person.get(address).content.decode()


def test_there_is_no_page_of_what_there_is_not(person: Client) -> None:
    page(person, "/findings/1/", status=404)
    page(person, "/findings/1/take/", status=405)


def test_a_rule_that_there_is_not_is_a_problem_of_the_filter() -> None:
    (problem,) = finding_filter.parse("rule:nosuch").problems
    assert problem.problem.startswith("rule must be broker_away, ") and problem.problem.endswith(", not nosuch.")
    assert finding_filter.parse("rule:no_consumer,own_work,rule_failed").problems == []


@pytest.mark.parametrize("part", ["list", "checked", "quiet", "menu", "completion&typed=rule:"])
def test_a_part_alone_is_what_the_page_shows(person: Client, prod: Broker, now: datetime, part: str) -> None:
    looked(prod, at=now)
    finding(prod, now)
    assert "<html" not in page(person, f"/findings/?part={part}")


@pytest.mark.parametrize("part", ["finding", "chart", "past", "list"])
def test_a_part_of_a_finding_alone(person: Client, prod: Broker, now: datetime, part: str) -> None:
    one = finding(prod, now)
    html = page(person, f"/findings/{one.pk}/?part={part}")
    assert "<html" not in html and html.strip()


def test_the_navigation_counts_what_is_open_with_the_worst_level(person: Client, prod: Broker, now: datetime) -> None:
    finding(prod, now, "a", "notice")
    finding(prod, now, "b", "warning")
    html = page(person, "/glossary/")
    assert 'class="side-count" data-level="warning"' in html
    assert "warning, </span>2<" in html


def test_a_finding_says_who_was_notified_of_it_or_why_nobody_was(person: Client, prod: Broker, now: datetime) -> None:
    one = finding(prod, now)
    FindingEvent.objects.create(finding=one, at=now, kind="not notified", text="silenced until 12:00 UTC")
    assert "Nobody was notified: silenced until 12:00 UTC." in page(person, f"/findings/{one.pk}/")
    for name in ("#shop-ops", "on-call phone", "#shop-ops"):
        FindingEvent.objects.create(finding=one, at=now, kind="notified", text=name)
    assert "· #shop-ops and on-call phone were notified at" in page(person, f"/findings/{one.pk}/")
    person.force_login(person_of("vera"))
    html = page(person, f"/findings/{one.pk}/")
    assert "· 2 targets were notified at" in html and "shop-ops" not in html
