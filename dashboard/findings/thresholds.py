"""The numbers that rules compare with: their defaults, and what people set for some objects. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from dashboard.findings.rule import Rule

OFF = "off"
"""A setting of this name with a value other than 0 switches a rule off for what it matches."""


class Setting(Protocol):
    """A row of `dashboard.models.RuleSetting`."""

    rule: str
    threshold: str
    broker: str
    vhost: str
    name: str
    value: float


class Thresholds:
    """What counts for the objects of one broker."""

    def __init__(self, rules: Iterable[Rule], settings: Iterable[Setting] = (), broker: str = "") -> None:
        self._defaults = {(rule.KEY, threshold.key): threshold.default for rule in rules for threshold in rule.THRESHOLDS}
        self._settings: dict[tuple[str, str], list[Setting]] = {}
        for setting in settings:  # the oldest first
            if fnmatchcase(broker, setting.broker):
                self._settings.setdefault((setting.rule, setting.threshold), []).append(setting)
        for found in self._settings.values():
            found.sort(key=_specific)  # stable, so that of equal ones the newest is the last

    def of(self, rule: str, threshold: str, vhost: str = "", name: str = "") -> float:
        """Raises KeyError for a threshold that the rule does not have."""
        found = self.explicit(rule, threshold, vhost, name)
        return self._defaults[rule, threshold] if found is None else found

    def least_of(self, rule: str, threshold: str) -> float:
        """The smallest of what it is for any object: what is below it is below each."""
        return min([self._defaults[rule, threshold], *(setting.value for setting in self._settings.get((rule, threshold), ()))])

    def is_off(self, rule: str, vhost: str = "", name: str = "") -> bool:
        return bool(self.explicit(rule, OFF, vhost, name))

    def explicit_any(self, rule: str, threshold: str) -> bool:
        """Whether people set it for any object of the broker."""
        return (rule, threshold) in self._settings

    def explicit(self, rule: str, threshold: str, vhost: str = "", name: str = "") -> float | None:
        """What people set; None if nobody did: then what was learned of the object may count before the default."""
        if (rule, threshold) not in self._settings:
            return None
        matching = (one.value for one in reversed(self._settings.get((rule, threshold), ())) if fnmatchcase(vhost, one.vhost) and fnmatchcase(name, one.name))
        return next(matching, None)


def _specific(setting: Setting) -> tuple[int, int, int]:
    """More of it is said of the name, then of the virtual host, then of the broker."""
    return _letters(setting.name), _letters(setting.vhost), _letters(setting.broker)


def _letters(pattern: str) -> int:
    """
    >>> _letters("*"), _letters("mail.*"), _letters("mail")
    (0, 5, 1004)
    """
    letters = sum(letter not in "*?" for letter in pattern)
    return letters + 1000 * (letters == len(pattern))
