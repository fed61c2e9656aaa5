"""The words of tasks, as each engine finds them: SQLite by FTS5, PostgreSQL by vectors."""

from __future__ import annotations

from django.db import connection

from brokers.database.engine import is_postgresql
from workers import task_words
from workers.task_filter import search_text

NEWEST = 2_000
FREQUENT = 100  # of those
_SEARCH = "SELECT rowid FROM workers_task_words WHERE workers_task_words MATCH %s AND rowid >= %s AND rowid < %s ORDER BY rowid {order} LIMIT %s"
# PostgreSQL can't know how frequent words are that belong together, so the newest tasks show it: frequent ones are met soon going back from the newest,
# while for rare ones that would go through everything. "+ 0": the order is not that of an index, which leaves the index of the words
_AMONG_NEWEST = "SELECT count(*) FROM (SELECT words FROM workers_task_words ORDER BY task_id DESC LIMIT %s) AS newest WHERE words @@ %s::tsquery"
_VECTORS = "SELECT task_id FROM workers_task_words WHERE words @@ %s::tsquery AND task_id >= %s AND task_id < %s ORDER BY "
_SEARCH_FREQUENT = _VECTORS + "task_id {order} LIMIT %s"
_SEARCH_RARE = _VECTORS + "task_id + 0 {order} LIMIT %s"


def with_words(text: str, most: int, ids: range, newest_first: bool = True) -> list[int]:
    """The first ids in a range of the tasks with all these words, in this order; none for a text without words."""
    words = task_words.query(text) if is_postgresql() else search_text(text)
    if not words or not ids:
        return []
    with connection.cursor() as cursor:
        search = _SEARCH
        if is_postgresql():
            cursor.execute(_AMONG_NEWEST, (NEWEST, words))
            search = _SEARCH_FREQUENT if cursor.fetchone()[0] >= FREQUENT else _SEARCH_RARE
        cursor.execute(search.format(order="DESC" if newest_first else "ASC"), (words, ids.start, ids.stop, most))
        return [key for (key,) in cursor.fetchall()]
