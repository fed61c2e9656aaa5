"""The only writer of what people set for rules."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dashboard.models import RuleSetting


def set_rule(rule: str, threshold: str, broker: str, vhost: str, name: str, value: float, user_name: str, now: datetime) -> RuleSetting:
    """The stored setting; it replaces one of the same threshold for the same patterns."""
    with transaction.atomic():
        same = {"rule": rule, "threshold": threshold, "broker": broker, "vhost": vhost, "name": name}
        RuleSetting.objects.filter(**same).delete()
        return RuleSetting.objects.create(**same, value=value, user_name=user_name, at=now)


def unset_rule(setting: RuleSetting) -> None:
    RuleSetting.objects.filter(pk=setting.pk).delete()
