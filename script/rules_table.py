"""The table of rules in docs/findings.md, from the rules themselves: `.venv/bin/python -m script.rules_table` writes it."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.findings.rule import Rule

DOCUMENT = Path(__file__).parents[1] / "docs" / "findings.md"
BEGIN, END = "<!-- rules: made by `.venv/bin/python -m script.rules_table`, compared by a test -->\n", "<!-- end of rules -->\n"


def table() -> str:
    """Django must be set up."""
    from dashboard.findings.rule_settings import value_text
    from dashboard.findings.rules import ALL

    lines = ["| rule | finds | thresholds | opens after | closes after |", "|---|---|---|---|---|"]
    for rule in ALL.values():
        thresholds = "; ".join(f"{one.label}: {value_text(one, one.default)}" for one in rule.THRESHOLDS) or "–"
        lines.append(f"| {rule.NAME} (`{rule.KEY}`) | {rule.ABOUT} | {thresholds} | {_opens_text(rule)} | {_text(rule.CLEARS_AFTER)} |")
    return "\n".join(lines) + "\n"


def _opens_text(rule: Rule) -> str:
    return getattr(rule, "OPENS_TEXT", "") or _text(rule.OPENS_AFTER)


def _text(time: timedelta) -> str:
    from dashboard.layout import formatting

    return formatting.duration(time) if time else "at once"


def within(text: str, begin: str, end: str) -> str:
    """What stands between two marks."""
    return text.partition(begin)[2].partition(end)[0]


def replaced(text: str, begin: str, end: str, content: str) -> str:
    """The text with something else between the marks."""
    before, _, rest = text.partition(begin)
    return f"{before}{begin}{content}{end}{rest.partition(end)[2]}"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    import django

    django.setup()
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8"), BEGIN, END, table()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
