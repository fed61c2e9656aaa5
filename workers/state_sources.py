"""What the state of a task is known from, where no event reported it. Pure."""

from __future__ import annotations

LIST, QUERY, BACKEND = "list", "query", "backend"
"""What its worker node listed (`inspect active`, `reserved`, `scheduled`), what it answered when queried for the task (`inspect query_task`), what the result
backend holds."""
HAS_ENDED = (LIST, QUERY)
"""With UNKNOWN: its worker node no longer has the task, so that it ended there, and how is unknown."""
TEXTS = {LIST: "from the lists of its worker node", QUERY: "from its worker node’s answer to query_task", BACKEND: "from the result backend"}
