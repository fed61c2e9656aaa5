"""The audit log: whatever is changed or removed in it shows, the database refuses both, and threads that write at once make one chain."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from dashboard import queries, store
from dashboard.models import AuditEvent, AuditHead, User
from dashboard.people import audit_chain
from dashboard.people.audited import audited

guards = import_module("dashboard.migrations.0013_audit_guarded")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def written(number: int, at: datetime = NOON) -> None:
    for each in range(number):
        store.audit(None, "log in", store.FAILED, at, user_name=f"Ünïcode {each}", detail={"float": 1e22, "zero": -0.0, "each": each})


@contextmanager
def somebody_with_the_database() -> Iterator[None]:
    """Who can write to the database can also drop its guards."""
    statements = (guards.UNDO_POSTGRESQL, guards.OF_POSTGRESQL) if connection.vendor == "postgresql" else (guards.UNDO_SQLITE[:1], guards.OF_SQLITE[:1])
    with connection.cursor() as cursor:
        for statement in statements[0]:
            cursor.execute(statement)
        yield
        for statement in statements[1]:
            cursor.execute(statement)


def test_the_examples_hold() -> None:
    assert doctest.testmod(audit_chain).failed == 0


@pytest.mark.django_db
def test_what_nobody_touched_is_as_it_was_written() -> None:
    assert queries.verify_audit().count == 0
    written(5)
    found = queries.verify_audit()
    assert (found.problem, found.count, found.first, found.last) == ("", 5, 1, 5)
    assert queries.verify_audit((found.last, found.last_hash)).problem == ""


@pytest.mark.django_db
def test_a_name_that_no_database_can_store_breaks_no_entry() -> None:
    store.audit(None, "add person", store.REFUSED, NOON, name="a\0b\ud800", broker="\0", vhost="\0", user_name="\0", detail={"reason\0": ["\0"]})
    assert queries.verify_audit().problem == ""
    row = AuditEvent.rows.get()
    assert (row.name, row.broker, row.vhost, row.user_name, row.detail) == ("a␀b?", "␀", "␀", "␀", {"reason␀": ["␀"]})


def test_what_is_moved_to_postgresql_without_its_nul_has_the_hash_that_it_had() -> None:
    before, after = (audit_chain.digest(AuditEvent(number=1, at=NOON, name=name, detail={"name": name})) for name in ("a\0", "a␀"))
    assert before == after


CHANGES = {
    "another outcome": (lambda rows: rows.filter(number=3).update(outcome="done"), "Entry 3 was changed"),
    "another name": (lambda rows: rows.filter(number=3).update(user_name="bo"), "Entry 3 was changed"),
    "another time": (lambda rows: rows.filter(number=3).update(at=NOON + timedelta(microseconds=1)), "Entry 3 was changed"),
    "another detail": (lambda rows: rows.filter(number=3).update(detail={"each": 9}), "Entry 3 was changed"),
    "one less": (lambda rows: rows.filter(number=3).delete(), "Entry 3 is missing"),
    "several less": (lambda rows: rows.filter(number__in=[2, 3, 4]).delete(), "Entries 2 to 4 are missing"),
    "none of the first": (lambda rows: rows.filter(number__lt=3).delete(), "Entry 3 is the first one, and no entry states"),
    "none of the last": (lambda rows: rows.filter(number__gt=3).delete(), "Entries 4 to 5 are missing: the last one is 3"),
    "nothing left": (lambda rows: rows.all().delete(), "Entries 1 to 5 are missing"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_or_removed_is_named(change: str) -> None:
    written(5)
    with somebody_with_the_database():
        CHANGES[change][0](AuditEvent.rows)
    assert CHANGES[change][1] in queries.verify_audit().problem
    written(1)
    found = queries.verify_audit()
    assert found.problem, "a further entry hides it"


@pytest.mark.django_db
def test_a_chain_that_was_made_anew_has_no_seal(settings: Any) -> None:
    written(5)
    last = queries.verify_audit()
    with somebody_with_the_database():
        AuditEvent.rows.filter(number__gte=4).delete()
        fourth = AuditEvent.rows.get(number=3)
        AuditHead.objects.update(number=3, hash=fourth.hash)
        assert "The head of the log is not the one that Hareline wrote" in queries.verify_audit().problem
        written(1)  # a process of ours goes on
    found = queries.verify_audit((last.last, last.last_hash))
    assert found.problem.startswith("Entry 5 is another one than the one that was noted")
    assert queries.verify_audit().resealed == 1
    settings.SECRET_KEY = "another key " * 4
    assert "HARELINE_SECRET_KEY" in queries.verify_audit().problem


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE dashboard_auditevent SET outcome = 'done'", "DELETE FROM dashboard_auditevent WHERE number > 0"])
def test_the_database_refuses_to_change_and_to_delete(statement: str) -> None:
    written(2)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(guards.OF_SQLITE[1])  # the suite leaves it out
        with pytest.raises(DatabaseError, match="the audit log is only added to"), transaction.atomic():
            cursor.execute(statement)
        store.trim_audit(NOON + timedelta(days=11), 10)
        if connection.vendor == "sqlite":
            cursor.execute(guards.UNDO_SQLITE[1])
    assert [row.action for row in AuditEvent.rows.all()] == [audit_chain.TRIM]


@pytest.mark.django_db
def test_the_database_refuses_to_put_an_entry_in_the_place_of_another() -> None:
    written(2)
    begin, end = ("INSERT OR REPLACE", "") if connection.vendor == "sqlite" else ("INSERT", " ON CONFLICT (number) DO UPDATE SET outcome = 'done'")
    fields = ", ".join(f'"{field.column}"' for field in AuditEvent._meta.fields)
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="the audit log is only added to"), transaction.atomic():
        cursor.execute(f"{begin} INTO dashboard_auditevent ({fields}) SELECT {fields} FROM dashboard_auditevent WHERE number = 1{end}")  # noqa: S608  (names of our columns)
    assert queries.verify_audit().problem == ""


@pytest.mark.django_db
def test_what_is_old_is_removed_with_an_entry_that_states_it() -> None:
    written(3)
    written(2, NOON + timedelta(days=5))
    assert (store.trim_audit(NOON + timedelta(days=11), 10), store.trim_audit(NOON + timedelta(days=11), 10)) == (3, 0)
    found = queries.verify_audit()
    assert (found.problem, found.first, found.last) == ("", 4, 6)
    assert AuditEvent.rows.get(number=6).detail["removed"] == 3
    with somebody_with_the_database():
        AuditEvent.rows.filter(number=4).delete()
    assert "Entry 5 is the first one" in queries.verify_audit().problem


@pytest.mark.django_db(transaction=True)
def test_threads_that_write_at_once_make_one_chain() -> None:
    def write(_: int) -> None:
        try:
            written(5, timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    found = queries.verify_audit()
    assert (found.problem, found.count) == ("", 20)


@pytest.mark.django_db
def test_an_act_is_in_the_log_before_it_is_done_and_its_outcome_after() -> None:
    ada = User.objects.create_superuser("ada")
    with pytest.raises(ZeroDivisionError), audited(ada, "forget worker", broker="prod", name="w1") as act:
        assert [(row.outcome, row.name) for row in AuditEvent.rows.all()] == [("begun", "w1")]
        raise ZeroDivisionError
    with audited(ada, "forget worker", name="w2") as act:
        act.detail["more"] = 1
    rows = [(row.number, row.outcome, row.intent, row.detail) for row in AuditEvent.rows.order_by("number")]
    assert rows[1:] == [(2, "failed", 1, {"reason": "ZeroDivisionError"}), (3, "begun", None, {}), (4, "done", 3, {"more": 1})]
    with pytest.raises(ZeroDivisionError), audited(ada, "peek", name="q") as act:
        act.failed("the broker closed the connection")
        raise ZeroDivisionError
    assert AuditEvent.rows.get(number=6).detail == {"reason": "the broker closed the connection"}
    ada.delete()
    assert (queries.verify_audit().problem, AuditEvent.objects.filter(user_name="ada").count()) == ("", 3)


@pytest.mark.django_db
def test_the_command_fails_after_the_head_was_made_anew_until_a_person_accepts_it() -> None:
    written(3)
    AuditHead.objects.update(seal="x" * 64)
    written(1)
    err = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "verify", stdout=StringIO(), stderr=err)
    assert (ended.value.code, "Where that is the reason: --resealed 4." in err.getvalue()) == (1, True)
    call_command("audit", "verify", resealed=4, stdout=StringIO())


@pytest.mark.django_db
def test_the_command_names_the_first_broken_entry() -> None:
    written(3)
    out, err = StringIO(), StringIO()
    call_command("audit", "verify", stdout=out)
    assert out.getvalue().startswith("All 3 entries, 1 to 3, are as they were written. To be noted: 3:")
    with somebody_with_the_database():
        AuditEvent.rows.filter(number=2).update(name="x")
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "verify", stderr=err)
    assert (ended.value.code, err.getvalue()) == (
        1,
        "hareline: Entry 2 was changed: its content is not the one that its hash was made of. 1 entries before it are as they were written.\n",
    )
