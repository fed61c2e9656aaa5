"""The only writer of what people set for rules, which is among the changes of the brokers that it is about."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from django.db import transaction

from brokers.diff import ChangeText
from brokers.models import Broker
from brokers.store.changes import save_changes
from brokers.store.starts import NAME
from dashboard.models import RuleSetting

_PATTERNS = ("broker", "vhost", "name")


def set_rule(rule: str, threshold: str, broker: str, vhost: str, name: str, value: float, user_name: str, now: datetime) -> RuleSetting:
    """The stored setting; it replaces one of the same threshold for the same patterns."""
    with transaction.atomic():
        same = {"rule": rule, "threshold": threshold, "broker": broker, "vhost": vhost, "name": name}
        before = RuleSetting.objects.filter(**same).first()
        RuleSetting.objects.filter(**same).delete()
        made = RuleSetting.objects.create(**same, value=value, user_name=user_name, at=now)
        _note(f"{_words(made)} set", before, made, made, user_name, now)
        return made


def unset_rule(setting: RuleSetting, user_name: str, now: datetime) -> None:
    with transaction.atomic():
        if RuleSetting.objects.filter(pk=setting.pk).delete()[0]:
            _note(f"{_words(setting)} removed", setting, None, setting, user_name, now)


def _words(setting: RuleSetting) -> str:
    """
    >>> _words(RuleSetting(rule="growing", threshold="depth", broker="*", vhost="/shop", name="*"))
    'Setting “depth” of the rule growing, for virtual host /shop,'
    """
    about = [
        f"{words} {value}"
        for words, value in zip(("broker", "virtual host", "name"), (setting.broker, setting.vhost, setting.name), strict=True)
        if value != "*"
    ]
    return f"Setting “{setting.threshold}” of the rule {setting.rule}{', for ' + ', '.join(about) + ',' if about else ''}"


def _note(text: str, before: RuleSetting | None, after: RuleSetting | None, about: RuleSetting, user_name: str, now: datetime) -> None:
    change = ChangeText("hareline", "changed", "", NAME, text, _detail(before), _detail(after), who=user_name)
    for broker in Broker.objects.filter(configured=True):
        if fnmatchcase(broker.name, about.broker):
            save_changes(broker.pk, [change], now, now)


def _detail(setting: RuleSetting | None) -> dict[str, Any] | None:
    if setting is None:
        return None
    return {"threshold": setting.threshold, "value": setting.value} | {name: getattr(setting, name) for name in _PATTERNS}
