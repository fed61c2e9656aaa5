"""What the filter of findings can be completed with: for each qualifier the values that exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from dashboard.findings.checked import rule_name
from dashboard.findings.list_page import FindingList
from dashboard.findings.rules import ALL
from dashboard.layout import formatting
from dashboard.layout.completion import Values


def finding_values(listed: FindingList) -> Values:
    def of_open(field: Callable[[object], str]) -> list[tuple[str, str]]:
        counted = Counter(value for one in listed.opened.findings if (value := field(one)))
        return [(value, formatting.count(amount, "open finding")) for value, amount in counted.most_common()]

    return {
        "rule": lambda: [(key, rule_name(key)) for key in ALL],
        "broker": lambda: [(broker.name, "") for broker in listed.all_brokers],
        "vhost": lambda: of_open(lambda one: one.vhost),  # type: ignore[attr-defined]
        "name": lambda: of_open(lambda one: one.name),  # type: ignore[attr-defined]
    }
