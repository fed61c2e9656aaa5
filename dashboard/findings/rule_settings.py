"""What people set for rules: a threshold or the off-switch, for a broker, a virtual host and a pattern of names; checked, and recorded in the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers.characters import is_storable
from dashboard import store
from dashboard.findings.rule import Rule, Threshold
from dashboard.findings.rules import OWN_RULES
from dashboard.findings.thresholds import OFF
from dashboard.layout import formatting
from dashboard.layout.typed_numbers import number
from dashboard.models import RuleSetting, User
from dashboard.people import access
from dashboard.people.audited import audited

SET, UNSET = "set rule threshold", "remove rule threshold"
LONGEST = {"broker": 200, "vhost": 255, "name": 500}
UNITS = {"s": "seconds", "/s": "a second", "%": "percent", "messages": "messages", "bytes": "bytes", "": ""}


class SettingForm(msgspec.Struct):
    """The form as it was filled in. `threshold`: a key of the rule's, or "off"."""

    threshold: str = OFF
    broker: str = "*"
    vhost: str = "*"
    name: str = "*"
    value: str = ""


def filled_in(given: Mapping[str, str], rule: Rule) -> SettingForm:
    """An empty pattern matches all. Where no value is given, the default stands in the field."""
    first = rule.THRESHOLDS[0].key if rule.THRESHOLDS else OFF
    form = SettingForm(threshold=str(given.get("threshold", first)), value=str(given.get("value", "")))
    for field in LONGEST:
        setattr(form, field, str(given.get(field, "*")).strip() or "*")
    threshold = threshold_of(rule, form.threshold)
    if "value" not in given and threshold is not None:
        form.value = plain(threshold.default)
    return form


def threshold_of(rule: Rule, key: str) -> Threshold | None:
    return next((one for one in rule.THRESHOLDS if one.key == key), None)


def problems(rule: Rule, form: SettingForm, brokers: Iterable[str]) -> dict[str, str]:
    """{field: what makes no sense in it}, {} if it may be stored. `brokers`: the names of those that are watched."""
    found = {}
    threshold = threshold_of(rule, form.threshold)
    if threshold is None and form.threshold != OFF:
        found["threshold"] = "This rule has no such threshold."
    elif threshold is not None and (problem := value_problem(threshold, form.value)):
        found["value"] = problem
    for field, most in LONGEST.items():
        pattern = getattr(form, field)
        if len(pattern) > most:
            found[field] = f"At most {most} characters; these are {len(pattern)}."
        elif not is_storable(pattern):
            found[field] = "It holds a character that can't be stored."
    if any(rule is one for one in OWN_RULES):
        for field in ("broker", "vhost"):
            if getattr(form, field) != "*":
                found[field] = "This rule looks at Hareline itself, which has neither a broker nor a virtual host: leave *."
        return found
    names = list(brokers)
    if names and "broker" not in found and not any(fnmatchcase(name, form.broker) for name in names):
        found["broker"] = f"No broker matches; there {'is' if len(names) == 1 else 'are'} {formatting.listed(names)}."
    return found


def value_problem(threshold: Threshold, text: str) -> str:
    """
    >>> value_problem(Threshold("age", "Age", 60, "s", least=1), "1h")
    'Expected a number (seconds), got “1h”.'
    >>> value_problem(Threshold("age", "Age", 60, "s", least=1, most=100), "0")
    'From 1 to 100 seconds.'
    """
    value, unit = number(text), UNITS.get(threshold.unit, threshold.unit)
    if value is None:
        return f"Expected a number{f' ({unit})' if unit else ''}, got “{text.strip()[:40]}”." if text.strip() else "A number is missing."
    if not threshold.least <= value <= threshold.most:
        upper = f" to {plain(threshold.most)}" if threshold.most < 1e12 else " on"
        return f"From {plain(threshold.least)}{upper}{f' {unit}' if unit else ''}."
    return ""


def plain(value: float) -> str:
    """As it is typed into a form.

    >>> plain(1800.0), plain(0.1), plain(1e9)
    ('1800', '0.1', '1000000000')
    """
    return str(int(value)) if value == int(value) else f"{value:g}"


def value_text(threshold: Threshold, value: float) -> str:
    """
    >>> value_text(Threshold("age", "Age", 60, "s"), 1800), value_text(Threshold("rate", "Rate", 1, "/s"), 0.1)
    ('30 min', '0.1/s')
    """
    if threshold.unit == "s":
        return formatting.duration(timedelta(seconds=value)) if value >= 1 else f"{plain(value)} s"
    if threshold.unit == "bytes":
        return formatting.data_size(int(value))
    text = formatting.number(int(value)) if value == int(value) else plain(value)
    return f"{text}{threshold.unit}" if threshold.unit in ("/s", "%") else f"{text} {threshold.unit}".strip()


def setting_text(rule: Rule, setting: RuleSetting) -> str:
    """ "Off" or the label with the value."""
    if setting.threshold == OFF:
        return "Off" if setting.value else "On"
    threshold = threshold_of(rule, setting.threshold)
    return f"{setting.threshold}: {plain(setting.value)}" if threshold is None else f"{threshold.label}: {value_text(threshold, setting.value)}"


def where_text(broker: str, vhost: str, name: str) -> str:
    """
    >>> where_text("*", "*", "*"), where_text("prod", "*", "mail.*")
    ('everywhere', 'names like mail.* on prod')
    """
    parts = [f"names like {name}" if name != "*" else "", f"in {vhost}" if vhost != "*" else "", f"on {broker}" if broker != "*" else ""]
    return " ".join(part for part in parts if part) or "everywhere"


def why_not(user: User | AnonymousUser) -> str:
    """Why this person can't set anything, as a sentence; "" if they can."""
    return "" if access.may(user, "settings") else "You can view what is set, but not change it: your role does not allow it."


def add(user: User | AnonymousUser, rule: Rule, form: SettingForm, now: datetime) -> RuleSetting:
    """To be called once the form has no problems."""
    value = 1.0 if form.threshold == OFF else number(form.value)
    if value is None:
        raise ValueError("the value is no number")
    place = {"broker": form.broker, "vhost": form.vhost}
    with audited(user, SET, **place, name=rule.KEY, rule=rule.KEY, threshold=form.threshold, value=value, names=form.name):
        return store.set_rule(rule.KEY, form.threshold, form.broker, form.vhost, form.name, value, user.get_username(), now)


def remove(user: User | AnonymousUser, setting: RuleSetting, now: datetime) -> None:
    detail: dict[str, Any] = {"rule": setting.rule, "threshold": setting.threshold, "value": setting.value, "names": setting.name}
    with audited(user, UNSET, broker=setting.broker, vhost=setting.vhost, name=setting.rule, **detail):
        store.unset_rule(setting, user.get_username(), now)


def note_refusal(user: User | AnonymousUser, action: str, rule: str, why: str, now: datetime) -> None:
    store.audit(user, action, store.REFUSED, now, name=rule, detail={"reason": why})


def of_rule(settings: Sequence[RuleSetting], rule: str) -> list[RuleSetting]:
    """The most specific last, as they come to count."""
    return [one for one in settings if one.rule == rule]
