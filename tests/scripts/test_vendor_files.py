"""The icon sprite."""

from __future__ import annotations

from script.vendor_files import icon_file, icon_names, symbol

OUTLINE = """<svg
  xmlns="http://www.w3.org/2000/svg"
  stroke="currentColor"
>
  <path stroke="none" d="M0 0h24v24H0z" fill="none" />
  <path d="M5 6" />
</svg>
"""


def test_names_are_sorted_once_each_and_without_comments() -> None:
    assert icon_names("# icons\nx\n\ncpu\nx\n") == ["cpu", "x"]


def test_a_symbol_keeps_only_what_is_drawn() -> None:
    text = symbol("cpu", OUTLINE)
    assert text.startswith('<symbol id="cpu" viewBox="0 0 24 24" fill="none" stroke="currentColor"')
    assert text.endswith('><path d="M5 6" /></symbol>')


def test_a_filled_icon_is_of_the_filled_set() -> None:
    assert icon_file("bell-filled").parts[-2:] == ("filled", "bell.svg")
    assert 'fill="currentColor"' in symbol("bell-filled", OUTLINE)
