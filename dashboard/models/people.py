"""People, what they did and what they keep: users, API tokens, the audit log."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who may log in."""

    id = models.BigAutoField(primary_key=True)


class ApiToken(models.Model):
    """A token for scripts. Only its SHA-256 is stored; the token itself is shown once."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)


class AuditEvent(models.Model):
    """Something that a person changed, or tried to. Never changed, never deleted before its time."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    user_name = models.CharField(max_length=200)  # stays when the user is deleted
    action = models.CharField(max_length=64)  # "log in", "change password", "send task"
    broker = models.CharField(max_length=200, default="")
    vhost = models.CharField(max_length=255, default="")
    name = models.TextField(default="")
    outcome = models.CharField(max_length=16)  # done, refused, failed
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["at"])]


class CacheEntry(models.Model):
    """A row of Django's cache in the database, through which all web processes count together: tries to log in, test tasks sent. Without any secret."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "hareline_cache"
