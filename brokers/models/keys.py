"""Primary keys, which are never used twice."""

from __future__ import annotations

from django.db import models


class AutoKey(models.Model):
    """A primary key that is never used twice, so that an old link can't show another object."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        abstract = True
