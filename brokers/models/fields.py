"""Columns of our own kinds."""

from __future__ import annotations

from typing import Any

from django.db import models

from brokers.topology import whole_if_possible


class PriorityField(models.FloatField):
    """The priority of a policy, which may be a fraction: an int wherever it is whole."""

    def from_db_value(self, value: float | None, *_: Any) -> int | float | None:
        return None if value is None else whole_if_possible(value)
