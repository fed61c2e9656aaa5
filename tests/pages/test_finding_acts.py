"""What people do with findings: take them on, comment, silence; each is recorded, needs the right, and loses nothing that was typed."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from dashboard.findings.silences import nothing_there
from dashboard.models import AuditEvent, Finding, FindingEvent, Silence
from tests.findings.stored import finding
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, revision=1)


@pytest.fixture
def mail(prod: Broker, now: datetime) -> Finding:
    return finding(prod, now)


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(person("vera"))
    return client


def page(person: Client, address: str) -> str:
    return unescape(person.get(address).content.decode())


def acts() -> list[tuple[str, str, str]]:
    return list(AuditEvent.objects.exclude(action="log in").order_by("pk").values_list("action", "outcome", "name"))


def test_somebody_takes_it_on_and_releases_it(person: Client, mail: Finding) -> None:
    revision = Broker.objects.get().revision
    assert person.post(f"/findings/{mail.pk}/take/").headers["Location"] == f"/findings/{mail.pk}/"
    assert Broker.objects.get().revision == revision + 1
    html = page(person, f"/findings/{mail.pk}/")
    assert "<b>ada</b> is on it since" in html and "I am on it" not in html
    assert "ada is on it" in page(person, "/findings/?part=list")
    person.post(f"/findings/{mail.pk}/take/")  # once more changes nothing
    person.post(f"/findings/{mail.pk}/release/")
    assert "I am on it" in page(person, f"/findings/{mail.pk}/")
    assert [event.kind for event in FindingEvent.objects.order_by("pk")] == ["opened", "taken", "released"]
    assert acts() == [("take on finding", "done", "mail"), ("take on finding", "unchanged", "mail"), ("release finding", "done", "mail")]


def test_a_comment_stays_with_the_finding_and_is_shown_as_text(person: Client, mail: Finding) -> None:
    assert person.post(f"/findings/{mail.pk}/comment/", {"text": " <b>restarted</b>\nweb-2 "}).status_code == 302
    assert "<b>ada</b>: <span" in page(person, f"/findings/{mail.pk}/?part=past")
    assert "&lt;b&gt;restarted&lt;/b&gt;\nweb-2</span>" in person.get(f"/findings/{mail.pk}/?part=past").content.decode()
    assert acts() == [("comment on finding", "done", "mail")]


@pytest.mark.parametrize(("text", "why"), [("  ", "Write what you see or did."), ("x" * 4001, "these are 4,001"), ("a\0b", "can't be stored")])
def test_a_comment_that_cant_be_stored_comes_back_with_the_reason(person: Client, mail: Finding, text: str, why: str) -> None:
    answer = person.post(f"/findings/{mail.pk}/comment/", {"text": text})
    html = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert why in html and 'aria-describedby="comment-says"' in html and f">{text}</textarea>" in html
    assert not acts()


@pytest.mark.parametrize("action", ["take", "release", "comment"])
def test_a_viewer_sees_why_there_is_no_button_and_is_refused(viewer: Client, mail: Finding, action: str) -> None:
    html = page(viewer, f"/findings/{mail.pk}/")
    assert "I am on it" not in html and "your role does not allow it" in html
    assert viewer.post(f"/findings/{mail.pk}/{action}/", {"text": "x"}).status_code == 403
    assert [(outcome, name) for _, outcome, name in acts()] == [("refused", "mail")]
    assert FindingEvent.objects.count() == 1


def test_a_viewer_can_neither_silence_nor_end_a_silence(viewer: Client, mail: Finding, now: datetime) -> None:
    silence = Silence.objects.create(reason="x", user_name="ada", begun_at=now, until=now + timedelta(hours=1))
    assert "your role does not allow it" in page(viewer, f"/findings/silence/?finding={mail.pk}")
    assert ">End<" not in page(viewer, "/findings/silences/")
    assert viewer.post(f"/findings/silence/?finding={mail.pk}", {"reason": "x"}).status_code == 403
    assert viewer.post(f"/findings/silences/{silence.pk}/end/").status_code == 403
    assert [(action, outcome) for action, outcome, _ in acts()] == [("silence findings", "refused"), ("end silence", "refused")]
    assert Silence.objects.get().ended_at is None


@pytest.mark.parametrize(
    ("about", "matches"),
    [("finding", {"mail"}), ("object", {"mail", "mail other"}), ("rule", {"mail", "mail.eu"}), ("patterns", {"mail.eu", "mail", "mail other"})],
)
def test_what_a_silence_is_about(person: Client, prod: Broker, mail: Finding, now: datetime, about: str, matches: set[str]) -> None:
    finding(prod, now, "mail.eu")
    finding(prod, now, "mail", rule="growing", title="mail other")
    finding(prod, now, "mail", vhost="/shop", title="shop", identity="s")
    given = {"about": about, "vhost": "/", "reason": "known", "end": "1h"}
    preview = unescape(person.post(f"/findings/silence/?finding={mail.pk}&part=preview", given).content.decode())
    assert f"Silences {len(matches)} open finding" in preview
    assert person.post(f"/findings/silence/?finding={mail.pk}", given).headers["Location"] == f"/findings/{mail.pk}/"
    silenced = {event.finding.title.removesuffix(" is growing and nobody consumes it") for event in FindingEvent.objects.filter(kind="silenced")}
    assert silenced == matches
    assert timedelta(minutes=59) < Silence.objects.get().until - timezone.now() < timedelta(minutes=61)
    assert "Silenced until" in page(person, f"/findings/{mail.pk}/")
    assert [(action, outcome) for action, outcome, _ in acts()] == [("silence findings", "done")]


def test_a_name_with_signs_of_patterns_is_silenced_alone(person: Client, prod: Broker, now: datetime) -> None:
    odd = finding(prod, now, "a[b]*")
    finding(prod, now, "ab-other")
    person.post(f"/findings/silence/?finding={odd.pk}", {"reason": "known"})
    assert [event.finding.name for event in FindingEvent.objects.filter(kind="silenced")] == ["a[b]*"]


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"reason": " "}, "reason", "A reason is needed"),
        ({"reason": "x" * 1001}, "reason", "At most 1,000 characters"),
        ({"end": "at"}, "until", "A time is needed"),
        ({"end": "at", "at": "2020-01-01T00:00"}, "until", "That is over already"),
        ({"end": "at", "at": "2100-01-01T00:00"}, "until", "At most a year"),
        ({"end": "for ever"}, "until", "A time is needed"),
        ({"about": "patterns", "name": "x" * 501}, "name", "At most 500 characters"),
        ({"about": "patterns", "broker": "a\0"}, "broker", "can't be stored"),
    ],
)
def test_what_is_wrong_stands_beside_the_field_and_nothing_is_lost(person: Client, mail: Finding, given: dict[str, str], field: str, why: str) -> None:
    answer = person.post(f"/findings/silence/?finding={mail.pk}", {"reason": "moves on Friday", "name": "kept*"} | given)
    html = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert why in html and f'id="{field}-says"' in html
    assert ("moves on Friday" in html or "reason" in given) and ("kept*" in html or "name" in given)
    assert not Silence.objects.exists() and not acts()


def test_a_silence_without_a_finding_is_made_of_patterns(person: Client, mail: Finding) -> None:
    assert "Nothing is silenced" in page(person, "/findings/silences/")
    assert (
        person.post("/findings/silence/", {"name": "ma?l", "rule": "no_consumer", "reason": "x", "about": "finding"}).headers["Location"]
        == "/findings/silences/"
    )
    html = page(person, "/findings/silences/")
    assert "Nobody consumes, of ma?l" in html and "1 open finding" in html


def test_a_silence_for_what_is_not_there_says_so_before_and_after(person: Client, mail: Finding) -> None:
    given = {"broker": "nosuch", "reason": "a slip", "about": "patterns"}
    hint = "No broker matches now; there is prod."
    assert hint in person.post("/findings/silence/?part=preview", given).content.decode()
    person.post("/findings/silence/", given)
    assert hint in page(person, "/findings/silences/")
    assert hint not in person.post("/findings/silence/?part=preview", given | {"broker": "pro*"}).content.decode()


@pytest.mark.parametrize(
    ("silenced", "said"),
    [
        ({}, ""),
        ({"rule": "grow*"}, ""),
        ({"rule": "nosuch"}, "No rule matches."),
        ({"vhost": "/shp"}, "No virtual host matches now; there are / and /shop."),
        ({"broker": "test", "vhost": "/shop"}, "No virtual host matches now; there is /."),
        ({"broker": "", "vhost": ""}, ""),  # Hareline itself
    ],
)
def test_what_of_a_silence_matches_nothing(silenced: dict[str, str], said: str) -> None:
    everything = {"rule": "*", "broker": "*", "vhost": "*", "name": "*"}
    assert nothing_there(everything | silenced, {"prod": ["/", "/shop"], "test": ["/"]}, ["growing"]) == said


def test_a_silence_is_ended_early(person: Client, mail: Finding, now: datetime) -> None:
    silence = Silence.objects.create(reason="x", user_name="ada", begun_at=now, until=now + timedelta(hours=1))
    assert "End silence" in page(person, f"/findings/{mail.pk}/")
    assert person.post(f"/findings/silences/{silence.pk}/end/", {"finding": str(mail.pk)}).headers["Location"] == f"/findings/{mail.pk}/"
    assert "End silence" not in page(person, f"/findings/{mail.pk}/")
    assert person.post(f"/findings/silences/{silence.pk}/end/").headers["Location"] == "/findings/silences/"
    assert [event.kind for event in FindingEvent.objects.order_by("pk")] == ["opened", "unsilenced"]
    assert [(action, outcome) for action, outcome, _ in acts()] == [("end silence", "done"), ("end silence", "unchanged")]
    assert person.post("/findings/silences/99/end/").status_code == 404


def test_a_right_to_queues_silences_queues_alone(client: Client, prod: Broker, now: datetime) -> None:
    client.force_login(person("otto", "operator", vhost="/", queue="orders.*"))
    odd = finding(prod, now, "orders.[eu]*")
    finding(prod, now, "orders.[eu]*", kind="worker", identity="w", title="the worker")
    finding(prod, now, "orders.us", kind="exchange", identity="e", title="the exchange")
    finding(prod, now, "orders.us", identity="q", title="the queue")
    assert client.post(f"/findings/silence/?finding={odd.pk}", {"reason": "known"}).status_code == 302
    assert client.post("/findings/silence/", {"about": "patterns", "broker": "prod", "vhost": "/", "name": "orders.us", "reason": "known"}).status_code == 302
    assert client.post("/findings/silence/", {"about": "patterns", "broker": "prod", "vhost": "/", "name": "orders.*", "reason": "known"}).status_code == 403
    assert {event.finding.title for event in FindingEvent.objects.filter(kind="silenced")} == {odd.title, "the queue"}
    assert [silence.kind for silence in Silence.objects.all()] == ["queue", "queue"]


def test_an_act_needs_the_form_of_a_page(person: Client, mail: Finding) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = person.cookies
    for address in (f"/findings/{mail.pk}/take/", "/findings/silence/", "/findings/silences/1/end/"):
        assert strict.post(address).status_code == 403
    assert Finding.objects.get().taken_by == ""
