"""Of findings that are seen again only what differs is written, and what is stored is what was seen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.models import Broker
from dashboard import queries, store
from dashboard.findings.lifecycle import Step
from dashboard.findings.rule import Evidence, Found, Object, body_of, identity, read_body
from dashboard.models import Finding, FindingEvent
from tests.findings.objects import NOON

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def found(name: str, ready: int = 7, level: str = "warning", under: str = "") -> Found:
    evidence = [Evidence("Ready", str(ready), NOON)]
    return Found("growing", Object("queue", name, "/"), level, "is growing", since=NOON, evidence=evidence, under=under)  # type: ignore[arg-type]


def save(broker: Broker, some: list[Found], now: datetime, bodies: dict[int, bytes]) -> list[str]:
    """The statements that wrote findings."""
    known = {one.identity: one for one in queries.open_of(broker)}
    keys = {identity("growing", broker.name, one.object): one for one in some}
    steps = [Step("seen" if key in known else "opened", key, one, one.level) for key, one in keys.items()]
    steps += [Step("closed", key, None, absent_since=now) for key in known if key not in keys]
    with CaptureQueriesContext(connection) as captured:
        store.save_round(broker, steps, known, {}, now, took_ms=1.0, rules=1, failed=[], unsure={}, bodies=bodies)
    written = [query["sql"] for query in captured.captured_queries if 'UPDATE "dashboard_finding" ' in query["sql"]]
    for key, one in keys.items():
        row = Finding.objects.get(identity=key, closed_at=None)
        assert (row.level, row.seen_at, read_body(row.body)) == (one.level, now, read_body(body_of(one)))
    return written


def test_what_is_seen_again_unchanged_is_one_statement_and_what_differs_is_written() -> None:
    broker, bodies = Broker.objects.create(name="prod", since=NOON), dict[int, bytes]()
    three = [found("a"), found("b"), found("c")]
    assert save(broker, three, NOON, bodies) == []
    (again,) = save(broker, three, NOON + 5 * SECOND, bodies)
    assert again.startswith('UPDATE "dashboard_finding" SET "seen_at" = ') and '"body"' not in again
    mine = [found("a"), found("b", 9), found("c", level="critical")]
    written = save(broker, mine, NOON + 10 * SECOND, bodies)
    assert sorted('"body"' in one for one in written) == [False, False, True]
    assert sum('"worst_level"' in one for one in written) == 1
    assert [(one.kind, one.level) for one in FindingEvent.objects.order_by("pk")[3:]] == [("level", "critical")]
    save(broker, [found("a")], NOON + 15 * SECOND, bodies)
    assert Finding.objects.exclude(closed_at=None).count() == 2
    assert bodies.keys() == {Finding.objects.get(closed_at=None).pk}


def test_one_that_opens_under_another_has_all_that_was_seen() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    above = identity("growing", broker.name, found("a").object)
    save(broker, [found("a"), found("b", under=above)], NOON, {})
    assert Finding.objects.get(name="b").under == Finding.objects.get(name="a")


def test_another_process_writes_each_body_once() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    save(broker, [found("a")], NOON, {})
    Finding.objects.update(body={})
    bodies: dict[int, bytes] = {}
    assert ['"body"' in one for one in save(broker, [found("a")], NOON + SECOND, bodies)] == [True]
    assert ['"body"' in one for one in save(broker, [found("a")], NOON + 2 * SECOND, bodies)] == [False]


def test_a_body_that_could_not_be_stored_is_written_by_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, bodies = Broker.objects.create(name="prod", since=NOON), dict[int, bytes]()
    save(broker, [found("a")], NOON, bodies)
    with monkeypatch.context() as patched:
        patched.setattr("dashboard.store.findings.FindingRound", None)
        with pytest.raises(AttributeError):
            save(broker, [found("a", 9)], NOON + SECOND, bodies)
    assert read_body(Finding.objects.get().body) == read_body(body_of(found("a")))
    save(broker, [found("a", 9)], NOON + 2 * SECOND, bodies)
