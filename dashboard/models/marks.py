"""Moments that people or their scripts name: a deployment, a migration, the beginning of a test."""

from __future__ import annotations

from django.db import models

from brokers.models import Broker


class Mark(models.Model):
    """A moment with a title; without a broker it is about all of them."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    title = models.CharField(max_length=200)
    url = models.TextField(default="")  # http or https; "": none
    broker = models.ForeignKey(Broker, null=True, on_delete=models.CASCADE)
    made_by = models.CharField(max_length=150)  # a user's name
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="mark_at")]
