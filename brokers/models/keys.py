"""Primary keys, which are never used twice; and the priorities of policies, which may be fractions."""

from __future__ import annotations

from typing import Any

from django.db import models

from brokers.topology import whole_if_possible


class AutoKey(models.Model):
    """A primary key that is never used twice, so that an old link can't show another object."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        abstract = True


class PriorityField(models.FloatField):
    """The priority of a policy: an int wherever it is whole."""

    def from_db_value(self, value: float | None, *_: Any) -> int | float | None:
        return None if value is None else whole_if_possible(value)
