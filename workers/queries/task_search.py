"""The words of tasks, as each engine finds them: SQLite by FTS5, PostgreSQL by vectors."""

from __future__ import annotations

from django.db import connection

from brokers.database.engine import is_postgresql
from workers import task_words
from workers.task_filter import search_text

NEWEST = 2_000
FREQUENT = 100  # of those
_SEARCH = "SELECT rowid FROM workers_task_words WHERE workers_task_words MATCH %s ORDER BY rowid DESC LIMIT %s"
# PostgreSQL can't know how frequent words are that belong together, so the newest tasks show it: frequent ones are met soon going back from the newest,
# while for rare ones that would go through everything. "+ 0": the order is not that of an index, which leaves the index of the words
_AMONG_NEWEST = "SELECT count(*) FROM (SELECT words FROM workers_task_words ORDER BY task_id DESC LIMIT %s) AS newest WHERE words @@ %s::tsquery"
_SEARCH_FREQUENT = "SELECT task_id FROM workers_task_words WHERE words @@ %s::tsquery ORDER BY task_id DESC LIMIT %s"
_SEARCH_RARE = "SELECT task_id FROM workers_task_words WHERE words @@ %s::tsquery ORDER BY task_id + 0 DESC LIMIT %s"


def with_words(text: str, most: int) -> list[int]:
    """The ids of the newest tasks with all these words, newest first; none for a text without words."""
    words = task_words.query(text) if is_postgresql() else search_text(text)
    if not words:
        return []
    with connection.cursor() as cursor:
        search = _SEARCH
        if is_postgresql():
            cursor.execute(_AMONG_NEWEST, (NEWEST, words))
            search = _SEARCH_FREQUENT if cursor.fetchone()[0] >= FREQUENT else _SEARCH_RARE
        cursor.execute(search, (words, most))
        return [key for (key,) in cursor.fetchall()]
