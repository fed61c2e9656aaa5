"""The moment of a page in each of its links, forms and parts, and the parts of the slider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout.carried_moment import REASON, carried, with_moment
from dashboard.layout.moment_slider import BARS, STRETCHES, slider
from dashboard.layout.moments import at_text, moment_of, past_moment
from tests.every_case import every_case

AT = "2026-11-24T03:10:50Z"
CARRIED = "at=2026-11-24T03%3A10%3A50Z"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CASES = {
    "a link": ('<a href="/queues/">', f'<a href="/queues/?{CARRIED}">'),
    "a query alone": ('<a href="?page=2">', f'<a href="?page=2&amp;{CARRIED}">'),
    "a fragment stays": ('<a href="/q/?a=1&amp;b=2#x">', f'<a href="/q/?a=1&amp;b=2&amp;{CARRIED}#x">'),
    "a place of the page": ('<a href="#content">', '<a href="#content">'),
    "another site": ('<a href="https://example.org/">', '<a href="https://example.org/">'),
    "another site without a scheme": ('<a href="//example.org/">', '<a href="//example.org/">'),
    "a file": ('<link href="/static/a.css">', '<link href="/static/a.css">'),
    "now on purpose": ('<a href="/queues/" data-now>', '<a href="/queues/" data-now>'),
    "a moment of its own": ('<a href="/q/?at=2026-01-01">', '<a href="/q/?at=2026-01-01">'),
    "a part": ('<div hx-get="/q/?part=a">', f'<div hx-get="/q/?part=a&amp;{CARRIED}">'),
    "a call": ('<a href="/api/v1/queues">', '<a href="/api/v1/queues">'),
    "what is allowed at any moment": (
        '<form method="post" action="/theme/"><button>Dark</button></form>',
        '<form method="post" action="/theme/"><button>Dark</button></form>',
    ),
    "a form that reads": ('<form action="/f/"><input></form>', f'<form action="/f/"><input type="hidden" name="at" value="{AT}"><input></form>'),
    "a form with a moment": ('<form action="/f/"><input name="at"></form>', '<form action="/f/"><input name="at"></form>'),
    "a form that acts": (
        '<form method="post" action="/act/"><button class="b" title="x">Go</button></form>',
        f'<form method="post" action="/act/?{CARRIED}"><button disabled title="{REASON}" class="b">Go</button></form>',
    ),
    "a button outside its form": (
        '<form id="f" method="post" action="/act/"></form><button form="f">Go</button><button>Other</button>',
        f'<form id="f" method="post" action="/act/?{CARRIED}"></form><button disabled title="{REASON}" form="f">Go</button><button>Other</button>',
    ),
}


@every_case("name", list(CASES), str)
def test_the_moment_is_carried(name: str) -> None:
    before, after = CASES[name]
    assert carried(before, AT, ["/theme/"]) == after


def test_a_redirect_keeps_the_moment_whatever_its_parameters_are_called() -> None:
    cases = {
        "/q/": f"/q/?{CARRIED}",
        "/q/?format=csv": f"/q/?format=csv&{CARRIED}",
        "/q/?what=a#row": f"/q/?what=a&{CARRIED}#row",
        "/q/?a=1&at=now": "/q/?a=1&at=now",
    }
    assert {address: with_moment(address, AT) for address in cases} == cases


@given(st.integers(0, 10**15))
def test_a_moment_comes_back_from_its_address(microseconds_ago: int) -> None:
    at = NOON - timedelta(microseconds=microseconds_ago)
    assert moment_of(at_text(at), NOON) == at == past_moment(at_text(at), NOON, at)


@given(st.lists(st.integers(-90, 90), max_size=30), st.lists(st.integers(-90, 90), max_size=5), st.integers(0, 120))
def test_the_slider_stays_within_its_width_and_names_every_change_once(changes: list[int], findings: list[int], ago: int) -> None:
    at = NOON - timedelta(minutes=ago)
    moments = [[at + timedelta(minutes=each) for each in some] for some in (changes, findings)]
    found = slider(at, NOON, *moments, lambda moment: f"?at={at_text(moment)}")
    assert 0 <= (found.place or 0) <= 100 and found.end <= NOON and found.end - found.start == timedelta(hours=2)
    assert all(0 <= bar.x <= 100 and 0 < bar.height <= 36 for bar in found.bars) and len(found.bars) <= BARS
    assert len(found.stretches) == STRETCHES
    assert sum(int(word.split()[0]) for one in found.stretches for word in one.words.split(": ")[1].split(" and ") if word[0].isdigit()) == len(
        changes + findings
    )
