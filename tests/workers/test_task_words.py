"""Words of tasks: whether a text has them is decided alike by the quick way and by the definition, and SQLite finds the same by the rarest of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from brokers.database.engine import is_postgresql
from brokers.models import Broker
from workers import task_words
from workers.models import Task
from workers.queries import task_search
from workers.task_words import has_words

TEXTS = st.lists(st.sampled_from(["sku-17", "SKU", "170", "17", "eur", "é", "Café", "x_y", "('a',)", "-", "1 7", "\u0301"]), max_size=6).map(" ".join)


@given(text=TEXTS, wanted=TEXTS, may_begin=st.booleans())
def test_texts_of_ascii_have_the_words_that_their_words_have(text: str, wanted: str, may_begin: bool) -> None:
    beside = f"{text} ж"  # a word that is not searched for, with which the text is no longer ASCII
    assert has_words(text, wanted, may_begin) == has_words(beside, wanted, may_begin)


@pytest.mark.django_db
@pytest.mark.parametrize("candidates", [0, 3, 1000])
@pytest.mark.parametrize("text", ["customer-17", "customer-1700", "customer-170", "17 customer", "eur customer-17", "sku 17 customer"])
def test_the_rarest_word_leads_to_the_tasks_that_have_all(text: str, candidates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_postgresql():
        pytest.skip("PostgreSQL has an index of its own for it")
    now = datetime(2026, 12, 1, tzinfo=UTC)
    broker = Broker.objects.create(name="prod", since=now)
    args = ["('customer-17',)", "('customer-170',)", "('customer', 17)", "('customer-1700', 'EUR')", "(17, 'customer-3')", "('sku-17', 'customer')"] * 2
    with connection.cursor() as cursor:
        for number, each in enumerate(args):
            task = Task.objects.create(broker=broker, vhost="/", uuid=f"t{number}", state="SUCCESS", args=each, first_seen_at=now, changed_at=now)
            cursor.execute("INSERT INTO workers_task_words (rowid, words) VALUES (%s, %s)", [task.pk, f"orders.pay {each} {{'currency': 'EUR'}}"])
    monkeypatch.setattr(task_search, "CANDIDATES", candidates)
    everything = range(2**63 - 1)
    with monkeypatch.context() as plain:
        plain.setattr(task_words, "rarest", lambda _: "")
        expected = [task_search.with_words(text, 100, everything, first) for first in (True, False)]
    assert [task_search.with_words(text, 100, everything, first) for first in (True, False)] == expected
    assert expected[0]
    assert task_search.with_words(text, 1, everything) == expected[0][:1]
