"""People, what they did and what they keep: users, API tokens, the audit log."""

from __future__ import annotations

from functools import cached_property
from typing import Any, get_args

from django.contrib.auth.models import AbstractUser, Group
from django.db import models

from brokers.scope import Place
from dashboard.people.access import ALL_RIGHTS, NO_RIGHTS, ROLES, Action, Grant, Rights


class User(AbstractUser):
    """A person who may log in."""

    id = models.BigAutoField(primary_key=True)

    @cached_property
    def rights(self) -> Rights:
        """What the person may do, as it was granted when first looked at: a page and a call look once, a socket again and again (`fresh`)."""
        if not self.is_active:
            return NO_RIGHTS
        if self.is_superuser:
            return ALL_RIGHTS
        return Rights(tuple(granted.as_grant() for granted in self.granted.all()))


class Role(models.Model):
    """A role beside those that are always there (`access.ROLES`), which have a row too once somebody has one. Its name is the group's."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True)
    actions = models.JSONField(default=list)

    def allowed(self) -> frozenset[Action]:
        """What it allows; an action that this version does not know allows nothing."""
        known = ROLES.get(self.group.name)
        return known if known is not None else frozenset(action for action in get_args(Action) if action in self.actions)


class WithRoles(models.Manager["Granted"]):
    """Their roles in the same query."""

    def get_queryset(self) -> models.QuerySet[Granted]:
        return super().get_queryset().select_related("role__group")


class Granted(models.Model):
    """A role that a person has in a place; "" is all brokers, virtual hosts, queues, else a pattern with * and ?."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="granted")
    role = models.ForeignKey(Role, on_delete=models.CASCADE)
    broker = models.CharField(max_length=200, default="", blank=True)
    vhost = models.CharField(max_length=255, default="", blank=True)
    queue = models.CharField(max_length=255, default="", blank=True)
    at = models.DateTimeField()
    source = models.CharField(max_length=200, default="", blank=True)  # the provider whose groups gave it; "": a person, the command line
    objects = WithRoles()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "role", "broker", "vhost", "queue", "source"], name="granted_once")]

    def as_grant(self) -> Grant:
        return Grant(self.role.allowed(), _place(self.broker, self.vhost, self.queue))


class ApiToken(models.Model):
    """A token for scripts. Only its SHA-256 is stored; the token itself is shown once."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=64, default="", blank=True)
    expires_at = models.DateTimeField(null=True)
    actions = models.JSONField(null=True)  # None: all that its user may do
    broker = models.CharField(max_length=200, default="", blank=True)
    vhost = models.CharField(max_length=255, default="", blank=True)
    queue = models.CharField(max_length=255, default="", blank=True)

    def rights(self) -> Rights:
        """What its user may do, as far as the token was made for it."""
        allowed: Any = get_args(Action) if self.actions is None else self.actions
        return self.user.rights.limited(frozenset(allowed), _place(self.broker, self.vhost, self.queue))


class Invitation(models.Model):
    """A link by which a person sets their password, once and before it expires. Only the SHA-256 of its token is stored."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()


class Outcomes(models.Manager["AuditEvent"]):
    """The entries about what was done, refused or failed, without those of intents."""

    def get_queryset(self) -> models.QuerySet[AuditEvent]:
        return super().get_queryset().exclude(outcome="begun")


class AuditEvent(models.Model):
    """An entry of the audit log: something that a person changed, or tried to. The database refuses to change one, and to delete one before its time."""

    id = models.BigAutoField(primary_key=True)
    number = models.BigIntegerField(unique=True)  # without gaps, in the order of the chain
    at = models.DateTimeField()
    user = models.ForeignKey(User, null=True, on_delete=models.DO_NOTHING, db_constraint=False)  # stays when the user is deleted
    user_name = models.CharField(max_length=200)
    address = models.CharField(max_length=64, default="")
    via = models.CharField(max_length=200, default="")  # "session", "token ci"
    action = models.CharField(max_length=64)  # "log in", "change password", "send task"
    broker = models.CharField(max_length=200, default="")
    vhost = models.CharField(max_length=255, default="")
    name = models.TextField(default="")
    outcome = models.CharField(max_length=16)  # begun, done, refused, failed, unchanged
    intent = models.BigIntegerField(null=True)  # the number of the entry that this is the outcome of
    detail = models.JSONField(default=dict)
    previous = models.CharField(max_length=64, default="")  # the hash of the entry before
    hash = models.CharField(max_length=64, default="")

    rows: models.Manager[AuditEvent] = models.Manager()
    objects = Outcomes()

    class Meta:
        indexes = [models.Index(fields=["at"]), models.Index(fields=["intent"], condition=models.Q(intent__isnull=False), name="hareline_audit_intent")]


class AuditHead(models.Model):
    """The end of the audit log, apart from it. `trimmed_to` is the number of the last entry that was removed for its age."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)
    trimmed_to = models.BigIntegerField(default=0)
    seal = models.CharField(max_length=64)


class CacheEntry(models.Model):
    """A row of Django's cache in the database, through which all web processes count together: tries to log in, test tasks sent. Without any secret."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "hareline_cache"


class LoginDelay(models.Model):
    """Wrong passwords of one name from one browser or address, and until when the next try waits. All three are stored as keys that can't be read."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=32)  # "": the pace of an address, whatever the names
    source = models.CharField(max_length=32)
    failures = models.IntegerField(default=0)
    failed_at = models.DateTimeField(db_index=True)
    free_at = models.DateTimeField()
    refused = models.BooleanField(default=False)  # a try had to wait since the last wrong password

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "source"], name="hareline_login_delay")]


def _place(broker: str, vhost: str, queue: str) -> Place:
    return Place(*((pattern,) if pattern else () for pattern in (broker, vhost, queue)))
