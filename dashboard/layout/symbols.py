"""Icons, shapes of levels, badges, sparklines, options and attributes as HTML, for both kinds of templates; each is made once for the same arguments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard.layout import sparklines
from dashboard.layout.levels import Level


@lru_cache(maxsize=512)
def icon(name: str, label: str = "") -> SafeString:
    """An icon of static/icons.txt. Without a label it only decorates the word beside it and is hidden from screen readers."""
    address = f"{static('vendor/icons.svg')}#{name}"
    if label:
        return format_html('<svg class="icon" width="18" height="18" role="img" aria-label="{}"><use href="{}"></use></svg>', label, address)
    return format_html('<svg class="icon" width="18" height="18" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', address)


@lru_cache(maxsize=64)
def shape(word: str) -> SafeString:
    """The shape of a level alone, hidden from screen readers: a word must stand beside it."""
    return render_to_string("components/_shape.html", {"word": word})


def level(value: Level | str, text: str = "", pill: bool = True) -> SafeString:
    """A level's badge: shape, word and, for unknown, the reason. `text` replaces the word ("nobody"); `pill=False` has no background."""
    return _level(value if isinstance(value, Level) else Level(value, ""), text, pill)  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def _level(value: Level, text: str, pill: bool) -> SafeString:
    return render_to_string("components/_level.html", {"level": value, "text": text, "pill": pill})


def sparkline(values: Sequence[float | None], width: int = 96, height: int = 24, kind: str = "") -> SafeString:
    """A sparkline that begins with the first record and ends in a dot. `kind` colours it (in, out, a level)."""
    return _sparkline(tuple(values), width, height, kind)


@lru_cache(maxsize=4096)
def _sparkline(values: tuple[float | None, ...], width: int, height: int, kind: str) -> SafeString:
    """A line over an area, gaps as gaps, and the dot that is now; its label says the same in words. Its part of the page brings a new one."""
    known = sparklines.recorded(values)
    spark = sparklines.drawn(known, width, height)
    dot = "" if spark.end_x is None else format_html('<circle class="spark-end" cx="{}" cy="{}" r="2.25"/>', spark.end_x, spark.end_y)
    return format_html(
        '<svg class="spark{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="Graph: {}">'
        '<path class="spark-area" d="{}"/><path class="spark-line" d="{}"/>{}</svg>',
        f" spark-{kind}" if kind else "", width, height, width, height, sparklines.text(known), spark.area, spark.line, dot,
    )  # fmt: skip


@lru_cache(maxsize=4)
def renews_content(show: str = "") -> SafeString:
    """The attributes of a link or form whose answer, a whole page, htmx puts in place of the content, under its own address. `show`: "top" scrolls there."""
    swap = f"morph:outerHTML show:window:{show}" if show else "morph:outerHTML"
    return format_html('hx-boost="true" hx-target="#content" hx-select="#content" hx-swap="{}" hx-sync="#content:replace"', swap)


def options(names: Sequence[str]) -> SafeString:
    """The options of a datalist."""
    return _options(tuple(names))


@lru_cache(maxsize=64)
def _options(names: tuple[str, ...]) -> SafeString:
    return format_html_join("", '<option value="{}"></option>', ((name,) for name in names))


_DEPTH_BAR = (
    '<svg class="depth-bar" viewBox="0 0 96 8" width="96" height="8" aria-hidden="true" focusable="false">'
    '<rect class="bar-ground" width="96" height="8" rx="2"/>'
    '<rect class="bar-unacked" width="{}" height="8" fill="url(#bar-hatch)" data-width="bar_all"/>'
    '<rect class="bar-ready" width="{}" height="8" rx="2" data-width="bar_ready"/></svg>'
)


def depth_bar(ready: float | None, whole: float | None) -> SafeString:
    """Ready solid over all of it hatched, as a share of the queue's 24 h peak; "" where that is unknown. The live row's numbers change the widths."""
    return SafeString("") if whole is None else format_html(_DEPTH_BAR, whole, ready)
