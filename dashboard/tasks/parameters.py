"""Parameters of an address that mean terms of its filter."""

from __future__ import annotations

from django.http import QueryDict

from dashboard.layout.filter_language import quoted

PARAMETERS = {"state": "state", "name": "name", "worker": "worker", "queue": "queue", "from": "after", "to": "before"}
"""Parameters of `GET tasks` that the page and the export take too, and the terms that they mean."""


def with_terms(query: QueryDict) -> QueryDict:
    """An address with the terms that its parameters mean, after its filter: `?state=waiting` lists what `?q=state:waiting` does."""
    terms = [f"{name}:{quoted(str(query[key]))}" for key, name in PARAMETERS.items() if query.get(key)]
    if not terms:
        return query
    found = query.copy()
    for key in PARAMETERS:
        found.pop(key, None)
    found.setlist("q", [*query.getlist("q"), *terms])
    return found
