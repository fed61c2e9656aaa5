"""What can go wrong with a result backend, in our own words. Messages hold no address and no password."""

from __future__ import annotations


class ResultsError(Exception):
    """Why results can't be read now. `str()` is a clause fit for the page."""
