"""The Atom feed: readable with its own token alone, which is good for nothing else, stored hashed and kept out of logs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from xml.etree import ElementTree

import pytest
from django.test import Client

from brokers.models import Broker
from dashboard.models import AuditEvent, FeedToken, User
from tests.findings.stored import finding

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def prod(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60)


def made(person: Client) -> str:
    """The address of a new feed."""
    html = unescape(person.post("/findings/feeds/", {"name": "phone"}).content.decode())
    found = re.search(r"http://testserver(/findings/feed\.atom\?token=[\w-]+)", html)
    assert found
    return found[1]


def test_a_feed_lists_what_is_wrong_and_what_was_with_a_lasting_id(person: Client, prod: Broker, now: datetime) -> None:
    one = finding(prod, now)
    over = finding(prod, now, "<orders>", opened_at=now - timedelta(hours=1), since=None, closed_at=now - timedelta(minutes=30))
    answer = Client().get(made(person))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/atom+xml; charset=utf-8")
    assert "no-store" in answer.headers["Cache-Control"]
    entries = ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")  # noqa: S314  (made by this site)
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == [f"Critical: {one.title}", f"Cleared: {over.title}"]
    assert entries[0].findtext(f"{ATOM}id") == f"http://testserver/findings/{one.pk}/"
    summary = str(entries[0].findtext(f"{ATOM}summary"))
    assert "On prod /. Since" in summary and "Ready: 12,480" in summary and "Start a worker for mail." in summary
    assert entries[1].findtext(f"{ATOM}updated") == (now - timedelta(minutes=30)).isoformat()


def test_one_that_is_back_is_updated_after_it_was_cleared(person: Client, prod: Broker, now: datetime) -> None:
    back = now - timedelta(minutes=2)
    finding(prod, now, opened_at=now - timedelta(hours=1), again_since=back, returned=1)
    (entry,) = ElementTree.fromstring(Client().get(made(person)).content).findall(f"{ATOM}entry")  # noqa: S314  (made by this site)
    assert entry.findtext(f"{ATOM}updated") == back.isoformat()


def test_names_of_any_characters_are_readable_xml(person: Client, prod: Broker, now: datetime) -> None:
    odd = "\x1b[31mred\x00\x85\u202e\n\uffff"
    body = {"summary": odd, "evidence": [{"name": odd, "value": odd}], "causes": [{"text": odd}], "to_do": [odd]}
    finding(prod, now, odd, vhost=odd, title=f"{odd} is growing", body=body)
    answer = Client().get(made(person))
    (entry,) = ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")  # noqa: S314  (made by this site)
    shown = "␛[31mred␀⟨U+0085⟩⟨U+202E⟩␊�"
    assert entry.findtext(f"{ATOM}title") == f"Critical: {shown} is growing"
    assert str(entry.findtext(f"{ATOM}summary")).count(shown) == 6


def test_its_token_opens_nothing_else_and_no_other_token_opens_it(person: Client, prod: Broker) -> None:
    address = made(person)
    token = address.partition("token=")[2]
    assert Client().get(f"/findings/?token={token}").status_code == 302
    assert Client().get("/api/v1/findings", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    for wrong in ("", "?token=", "?token=wrong", f"?token={token}x"):
        assert Client().get(f"/findings/feed.atom{wrong}").status_code == 401
    assert Client().post(address).status_code == 405


def test_it_is_stored_hashed_shown_once_and_noted_when_read(person: Client) -> None:
    address = made(person)
    token = address.partition("token=")[2]
    stored = FeedToken.objects.get()
    assert token not in str(vars(stored))
    html = person.get("/findings/feeds/").content.decode()
    assert token not in html and "never read" in html
    Client().get(address)
    assert "last read" in person.get("/findings/feeds/").content.decode()


def test_it_is_revoked_by_whom_it_belongs_to(person: Client) -> None:
    address = made(person)
    other = Client()
    other.force_login(User.objects.create_superuser("bea"))
    pk = FeedToken.objects.get().pk
    assert other.post(f"/findings/feeds/{pk}/revoke/").status_code == 404
    assert person.post(f"/findings/feeds/{pk}/revoke/").status_code == 302
    assert Client().get(address).status_code == 401
    acts = AuditEvent.objects.exclude(action="log in").order_by("pk")
    assert [(event.action, event.name) for event in acts] == [("make feed token", "phone"), ("revoke feed token", "phone")]


def test_it_ends_with_its_person(person: Client) -> None:
    address = made(person)
    User.objects.update(is_active=False)
    assert Client().get(address).status_code == 401


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_name_that_cant_be_is_said_beside_the_field(person: Client, name: str) -> None:
    answer = person.post("/findings/feeds/", {"name": name})
    assert answer.status_code == 422 and 'id="name-says"' in answer.content.decode()
    assert not FeedToken.objects.exists()
