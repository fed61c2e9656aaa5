"""One topic that can't be loaded, or a whole database that can't be read: every question is answered, every other topic goes on."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from brokers.models import Broker
from tests import postgres
from tests.live.test_tail import QUIET, Watch
from tests.live.watching import broker, poll, queue
from tests.postgres import on_sqlite

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch(QUIET)
    yield watch
    watch.tail.stop()
    watch.tail.join(60)


def break_broker(of: Broker) -> None:
    """Its row can be read, but no longer be shown."""
    Broker.objects.filter(pk=of.pk).update(object_totals="not what it should be", revision=100)


def mend_broker(of: Broker) -> None:
    Broker.objects.filter(pk=of.pk).update(object_totals={}, revision=101)


def until(watch: Watch, topic: str, **wanted: Any) -> dict[str, Any]:
    """The next patch of the topic; with `failing=False` the next that does not fail."""
    while True:
        frame = watch.patch()
        if frame["topic"] == topic and ("failing" in frame) == wanted.get("failing", "failing" in frame):
            return frame


def test_a_question_about_a_topic_that_cant_be_loaded_is_answered_with_since_when(watch: Watch) -> None:
    one = broker()
    break_broker(one)
    answer = watch.show(f"broker/{one.pk}")
    assert answer["full"] and answer["rows"] == {} and answer["failing"]["since"] and answer["failing"]["reason"] == "AttributeError"
    mend_broker(one)
    mended = until(watch, f"broker/{one.pk}", failing=False)
    assert mended["seq"] == answer["seq"] + 1
    assert mended["rows"][f"broker-{one.pk}"]["text"], "the viewer has the whole row, though its question was answered without it"


def test_a_topic_that_fails_holds_up_none_of_those_after_it(watch: Watch) -> None:
    broken, fine = broker("broken"), broker("fine")
    mail = queue(fine, "mail")
    topic, key = f"queues/{fine.pk}/%2F", f"queue-{mail.pk}"
    watch.show(f"broker/{broken.pk}")
    watch.show(topic, key)
    break_broker(broken)
    failing = until(watch, f"broker/{broken.pk}")
    assert failing["failing"]["since"] and failing["rows"] == {}
    for depth in ("4", "5"):
        poll(fine, mail=int(depth))
        assert until(watch, topic)["rows"][key]["text"]["depth"] == depth
    mend_broker(broken)
    assert until(watch, f"broker/{broken.pk}", failing=False)["seq"] == failing["seq"] + 1, "the failure is reported once, not at each try"


def test_while_the_database_cant_be_read_topics_fail_questions_are_answered_and_all_recover(watch: Watch) -> None:
    one, other = broker("one"), broker("other")
    watch.show(f"broker/{one.pk}")
    rename("brokers_broker", "brokers_elsewhere")
    try:
        assert until(watch, f"broker/{one.pk}")["failing"]["reason"] in ("OperationalError", "ProgrammingError")
        assert watch.show(f"broker/{other.pk}")["failing"]
    finally:
        rename("brokers_elsewhere", "brokers_broker")
    left = {f"broker/{one.pk}", f"broker/{other.pk}"}
    while left:
        frame = watch.patch()
        left -= {frame["topic"]} if "failing" not in frame else set()


@on_sqlite
def test_a_database_file_that_is_replaced_is_left_for_the_new_one(watch: Watch) -> None:
    one = broker()
    mail = queue(one, "mail")
    topic, key = f"queues/{one.pk}/%2F", f"queue-{mail.pk}"
    assert watch.show(topic, key)["rows"][key]["text"]["depth"] == "0"
    path = closed_file()
    other = path.with_name(f"{path.name}.other")
    shutil.copy(path, other)
    with closing(sqlite3.connect(other, isolation_level=None)) as restored:  # with the same revision
        restored.execute("UPDATE brokers_queue SET depth = 7, ready = 7")
        restored.execute("PRAGMA journal_mode = DELETE")
    other.rename(path)
    assert until(watch, topic)["rows"][key]["text"]["depth"] == "7"


@on_sqlite
def test_a_database_file_that_is_deleted_fails_every_topic_until_one_is_there(watch: Watch) -> None:
    one = broker()
    topic = f"broker/{one.pk}"
    watch.show(topic)
    path = closed_file()
    away = path.with_name(f"{path.name}.away")
    path.rename(away)
    try:
        assert until(watch, topic)["failing"]["reason"] == "OperationalError"
    finally:
        away.rename(path)
    until(watch, topic, failing=False)


def closed_file() -> Path:
    """The test's database file, whole and without an open connection of this thread."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return Path(connection.settings_dict["NAME"])


def rename(table: str, to: str) -> None:
    """Foreign keys of other tables keep the name that they have."""
    if connection.vendor == "postgresql":
        postgres.execute(f"ALTER TABLE {table} RENAME TO {to}", connection.settings_dict["NAME"])
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA legacy_alter_table = ON")
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute(f"ALTER TABLE {table} RENAME TO {to}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA legacy_alter_table = OFF")
