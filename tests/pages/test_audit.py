"""The audit log as people read it: who may, what its filter finds, acts that never ended, and the export of all of it."""

from __future__ import annotations

import csv
import doctest
import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone

from dashboard import queries, store
from dashboard.layout import list_files
from dashboard.models import AuditEvent, AuditHead, User
from dashboard.people import origin
from dashboard.people.audited import audited
from dashboard.people.origin import Origin

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada")


@pytest.fixture
def admin(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


@pytest.fixture
def log(ada: User) -> None:
    """A login from elsewhere, a refused act, an act, and one whose process ended before it was over."""
    now = timezone.now()
    with origin.of(Origin("203.0.113.9", "token ci")):
        store.audit(None, "log in", store.FAILED, now - timedelta(days=2), user_name="<eve>")
    store.audit(ada, "peek at messages", store.REFUSED, now, broker="prod", vhost="/shop", name="=mail")
    with audited(ada, "forget worker", broker="prod", name="w1"):
        pass
    store.audit(ada, "send task", store.BEGUN, now - timedelta(minutes=6), broker="prod", vhost="/shop", name="shop.pay")


def numbers(client: Client, **given: str) -> list[int]:
    answer = client.get("/api/v1/audit", given)
    assert answer.status_code == 200, answer.content
    found = [item["number"] for item in answer.json()["items"]]
    html = client.get("/audit/", given).content.decode()
    assert [number for number in range(10) if f'id="entry-{number}"' in html] == sorted(found)
    return found


def test_the_examples_hold() -> None:
    assert doctest.testmod(list_files).failed == 0


def test_an_empty_log_says_so(admin: Client) -> None:
    AuditHead.objects.update(trimmed_to=AuditEvent.rows.latest("number").number)  # as retention does, else the database refuses
    AuditEvent.rows.all().delete()
    assert "Nothing has been recorded yet." in admin.get("/audit/").content.decode()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"who": "eve"}, [2]),
        ({"who": "203.0.113"}, [2]),
        ({"who": "token ci"}, [2]),
        ({"action": "peek"}, [3]),
        ({"outcome": "failed"}, [2]),
        ({"outcome": "unknown"}, [6]),
        ({"object": "/shop"}, [6, 3]),
        ({"who": "ada", "action": "forget"}, [5]),
        ({"action": "nothing like it"}, []),
    ],
)
def test_the_filter_of_the_page_and_of_the_call_find_the_same(admin: Client, log: None, given: dict[str, str], found: list[int]) -> None:
    assert numbers(admin, **given) == found


def test_an_act_that_still_goes_on_is_not_unknown(admin: Client, ada: User) -> None:
    store.audit(ada, "send task", store.BEGUN, timezone.now(), name="shop.pay")
    assert (numbers(admin, outcome="unknown"), numbers(admin, action="send")) == ([], [2])


def test_times_bound_it_and_what_is_no_time_is_refused(admin: Client, log: None) -> None:
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    assert (numbers(admin, to=yesterday), numbers(admin, **{"from": yesterday})) == ([2], [6, 5, 3, 1])
    page = admin.get("/audit/", {"from": "soon"})
    assert (page.status_code, "Write a time as" in page.content.decode()) == (422, True)
    assert admin.get("/api/v1/audit", {"from": "soon"}).status_code == 400


def test_the_page_escapes_names_and_shows_what_never_ended(admin: Client, log: None) -> None:
    html = admin.get("/audit/").content.decode()
    assert "&lt;eve&gt;" in html and "<eve>" not in html
    assert "unknown" in html.split('id="entry-6"')[1].split("</tr>")[0] and 'id="entry-4"' not in html


def test_it_goes_on_page_by_page(admin: Client, log: None) -> None:
    first = admin.get("/api/v1/audit", {"page_size": 2}).json()
    second = admin.get("/api/v1/audit", {"page_size": 2, "before": first["before"]}).json()
    third = admin.get("/api/v1/audit", {"page_size": 2, "before": second["before"]}).json()
    assert [[item["number"] for item in page["items"]] for page in (first, second, third)] == [[6, 5], [3, 2], [1]]
    assert third["before"] is None


def test_who_may_not_read_it_gets_nothing_of_it_and_no_link() -> None:
    client = Client()
    client.force_login(User.objects.create_user("bo"))
    answers = [client.get(address) for address in ("/audit/", "/audit/export/csv/", "/api/v1/audit")]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert 'href="/audit/"' not in client.get("/glossary/").content.decode()


async def exported(client: AsyncClient, kind: str, **given: str) -> str:
    answer = await client.get(f"/audit/export/{kind}/", given)
    assert answer.status_code == 200
    return b"".join([part async for part in answer]).decode()


@pytest.mark.django_db(transaction=True)
async def test_the_export_has_all_that_the_filter_finds_and_no_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.live.watching import in_database

    monkeypatch.setattr(queries, "AT_ONCE", 2)
    person = await in_database(User.objects.create_superuser, "ada")
    await in_database(store.audit, person, "peek at messages", store.REFUSED, timezone.now(), name="=mail")
    for number in range(4):
        await in_database(store.audit, None, "log in", store.FAILED, timezone.now(), user_name=f"n{number}")
    await in_database(store.audit, person, "send task", store.BEGUN, timezone.now())
    client = AsyncClient()
    await client.aforce_login(person)
    rows: list[dict[str, Any]] = list(csv.DictReader(StringIO(await exported(client, "csv"))))
    assert [row["number"] for row in rows] == [str(number) for number in range(len(rows), 0, -1)]
    assert "'=mail" in [row["name"] for row in rows]
    assert [row["outcome"] for row in rows if row["action"] == "send task"] == ["in progress"]
    lines = [json.loads(line) for line in (await exported(client, "json", action="peek")).splitlines()]
    assert [line["name"] for line in lines] == ["=mail"]
    assert (await in_database(queries.verify_audit)).problem == ""
    assert (await client.get("/audit/export/xml/")).status_code == 404
    pieces = aiter(await client.get("/audit/export/csv/"))
    begun = [await anext(pieces), await anext(pieces)]
    await in_database(User.objects.update, is_active=False)
    assert (len(begun[1].splitlines()), [part.decode()[:22] async for part in pieces]) == (2, ['"The export ends here:'])
