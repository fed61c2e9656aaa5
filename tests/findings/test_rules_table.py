"""docs/findings.md lists every rule as it is."""

from __future__ import annotations

from script.rules_table import BEGIN, DOCUMENT, END, replaced, table, within


def test_the_document_lists_every_rule_as_it_is() -> None:
    assert within(DOCUMENT.read_text(encoding="utf-8"), BEGIN, END) == table(), "run .venv/bin/python -m script.rules_table"


def test_only_what_is_between_the_marks_is_replaced() -> None:
    assert replaced("a[x]b", "[", "]", "y") == "a[y]b" and within("a[x]b", "[", "]") == "x"
