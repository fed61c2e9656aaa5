"""The words of tasks, as each engine finds them: SQLite by FTS5, PostgreSQL by vectors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from brokers.database.engine import is_postgresql
from brokers.database.partitions import ID_BITS, day_of, first_id
from workers import task_words
from workers.task_filter import search_text

NEWEST = 2_000
FREQUENT, RARE = 100, 10  # of those
MOST_TERMS = 4
CANDIDATES = 1_000
"""As many texts with the rarest word are read by SQLite to find the others in them."""
SPANS = (1, 2, 4)  # days
_SEARCH = "SELECT rowid FROM workers_task_words WHERE workers_task_words MATCH %s AND rowid >= %s AND rowid < %s ORDER BY rowid {order} LIMIT %s"
_HAVE = "words @@ %s::tsquery"
_AMONG_NEWEST = "SELECT {} FROM (SELECT words FROM workers_task_words ORDER BY task_id DESC LIMIT %s) AS newest"
_VECTORS = "SELECT task_id FROM workers_task_words WHERE {} AND task_id >= %s AND task_id < %s ORDER BY {} LIMIT %s"


def with_words(text: str, most: int, ids: range, newest_first: bool = True) -> list[int]:
    """The first ids in a range of the tasks with all these words, in this order; none for a text without words."""
    words = task_words.query(text) if is_postgresql() else search_text(text)
    if not words or not ids:
        return []
    order = "DESC" if newest_first else "ASC"
    with connection.cursor() as cursor:
        if is_postgresql():
            return _by_vectors(cursor, words, task_words.terms(text)[-MOST_TERMS:], most, ids, order)
        found = _by_rarest(cursor, text, ids, order)
        if found is None:
            cursor.execute(_SEARCH.format(order=order), (words, ids.start, ids.stop, most))
            found = [key for (key,) in cursor.fetchall()]
        return found[:most]


def _by_rarest(cursor: Any, text: str, ids: range, order: str) -> list[int] | None:
    """FTS5 looks in the list of each word for every entry of the rarest one: beside a word that all tasks have, `customer` of `customer-17`, that takes
    forty times as long as reading the texts of those with the other. None where no word is known to be rare."""
    rare = task_words.rarest(text)
    if not rare:
        return None
    cursor.execute(_SEARCH.format(order=order), (f'"{rare.removesuffix(":*")}"{"*" * rare.endswith(":*")}', ids.start, ids.stop, CANDIDATES + 1))
    keys = [key for (key,) in cursor.fetchall()]
    if len(keys) > CANDIDATES:
        return None
    cursor.execute(f"SELECT id, c0 FROM workers_task_words_content WHERE id IN ({', '.join(map(str, keys))})")  # noqa: S608  (whole numbers)
    having = {key for key, words in cursor.fetchall() if task_words.has_words(words, text, True)}
    return [key for key in keys if key in having]


def _by_vectors(cursor: Any, words: str, terms: list[str], most: int, ids: range, order: str) -> list[int]:
    """PostgreSQL can't know how frequent words are that belong together, so the newest tasks show it. Frequent ones are met soon going back from the newest,
    while for rare ones that would go through everything: they are found by the index of the words, by the rarest of them where one is rare by itself, since
    the list of a word that all tasks have is long. "+ 0" is an order that is not that of an index, "IS TRUE" a condition that is not one of it."""
    counts = ", ".join([f"count(*) FILTER (WHERE {_HAVE})"] * (1 + len(terms)))
    cursor.execute(_AMONG_NEWEST.format(counts), (words, *terms, NEWEST))
    together, *each = cursor.fetchone()
    have, parameters, by = _HAVE, [words], f"task_id + 0 {order}"
    if together >= FREQUENT:
        by = f"task_id {order}"
    elif len(terms) > 1 and min(each) <= RARE:
        have, parameters = f"{_HAVE} AND ({_HAVE}) IS TRUE", [terms[each.index(min(each))], words]
    found: list[int] = []
    for span in _spans(ids) if order == "DESC" and 0 < together < FREQUENT else (ids,):
        cursor.execute(_VECTORS.format(have, by), (*parameters, span.start, span.stop, most - len(found)))
        found += [key for (key,) in cursor.fetchall()]
        if len(found) >= most:
            break
    return found


def _spans(ids: range) -> Iterator[range]:
    """The ids in parts, the newest first: of a day, of two, of four, and the rest. Words that some of the newest tasks have may be found often enough soon."""
    stop, day = ids.stop, min(ids.stop - 1, first_id(day_of(datetime.now(UTC)) + 1) - 1) >> ID_BITS
    for days in SPANS:
        start = max(first_id(day - days + 1), ids.start)
        if start < stop:
            yield range(start, stop)
        stop, day = min(start, stop), day - days
    if ids.start < stop:
        yield range(ids.start, stop)
