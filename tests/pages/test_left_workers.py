"""Worker nodes that are gone, on the pages: folded, hidden after a day, pinned and forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard.models import AuditEvent
from tests.people import person
from workers import queries
from workers.models import Worker

DAY = timedelta(hours=24)
pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=60)


def seen(broker: Broker, hostname: str, now: datetime, **facts: Any) -> Worker:
    return Worker.objects.create(broker=broker, vhost="/", hostname=hostname, first_seen_at=now - 9 * DAY, changed_at=now, **facts)


def test_the_page_folds_dead_pods_and_shows_who_left_on_demand(person: Client, broker: Broker, now: datetime) -> None:
    for number in range(4):
        seen(broker, f"celery@worker-6db584f5fc-wf49{number}", now, state=Worker.GONE, since=now - timedelta(hours=number))
    seen(broker, "mail@web", now, state=Worker.GONE, since=now)
    seen(broker, "old@web", now, state=Worker.GONE, since=now - 2 * DAY)
    page = person.get("/workers/").content.decode()
    assert page.count('<details class="gone-fold">') == 1
    assert "celery@worker-*</span>" in page and "4 nodes, the last" in page
    assert "1 node hidden: gone for over 1 d, or forgotten." in page and ">old@web<" not in page
    assert ">old@web<" in person.get("/workers/?own=show").content.decode()
    assert ">old@web<" not in person.get("/workers/?view=table").content.decode()


def test_a_person_pins_and_forgets_on_its_page_and_it_is_recorded(person: Client, broker: Broker, now: datetime) -> None:
    worker = seen(broker, "w@h", now, state=Worker.GONE, since=now - timedelta(hours=1))
    address = f"/workers/{worker.pk}/"
    page = person.get(address).content.decode()
    assert "unless it is pinned." in page and ">Pin</button>" in page and ">Forget</button>" in page
    assert person.post(f"{address}pin/").status_code == 302
    assert "It is pinned" in person.get(address).content.decode()
    assert person.post(f"{address}forget/").headers["Location"].startswith("/workers/")
    assert "It was forgotten" in person.get(address).content.decode()
    assert sorted(AuditEvent.objects.exclude(action="log in").values_list("action", "outcome", "name")) == [
        ("forget worker", "done", "w@h"),
        ("pin worker", "done", "w@h"),
    ]
    assert (person.get(f"{address}pin/").status_code, person.post(f"{address}destroy/").status_code, person.post("/workers/99/pin/").status_code) == (
        405,
        404,
        404,
    )


def test_who_may_only_view_neither_pins_nor_forgets(client: Client, broker: Broker, now: datetime) -> None:
    client.force_login(person("eve"))
    worker = seen(broker, "w@h", now, state=Worker.GONE, since=now)
    assert ">Forget</button>" not in client.get(f"/workers/{worker.pk}/").content.decode()
    assert client.post(f"/workers/{worker.pk}/forget/").status_code == 403
    assert queries.workers(EVERYTHING).total == 1
