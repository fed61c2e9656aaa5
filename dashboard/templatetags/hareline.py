"""What templates print with: icons, levels, terms, sparklines, and the filters of `dashboard.layout.formatting`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import defaulttags
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify

from brokers.models import Connection, Exchange, Queue
from dashboard.layout import compiled, formatting, glossary, symbols
from dashboard.layout.named_addresses import address_of
from dashboard.layout.past_requests import address_at
from dashboard.layout.spans import spans
from workers.models import Task, Worker

register = template.Library()
LOCATED = (Queue, Exchange, Connection, Worker, Task)  # they belong to one virtual host of one broker

register.filter("number", formatting.number)
register.filter("rate", formatting.rate)
register.filter("data_size", formatting.data_size)
register.filter("duration", formatting.duration)
register.filter("clock", formatting.clock)
register.filter("listed", formatting.listed)
register.filter("json_text", compiled.json_text)
register.simple_tag(symbols.icon, name="icon")
register.simple_tag(symbols.shape, name="shape")
register.simple_tag(symbols.level, name="level")
register.simple_tag(symbols.sparkline, name="sparkline")
register.simple_tag(symbols.depth_bar, name="depth_bar")
register.simple_tag(symbols.options, name="options")
register.simple_tag(symbols.renews_content, name="renews_content")


@register.filter
def age(moment: datetime | None, now: datetime) -> str:
    """`{{ broker.polled_at|age:now }} ago`: "4 min 12 s"."""
    return formatting.age(moment, now)


@register.filter
def moment(value: datetime | None, now: datetime) -> str:
    """`{{ broker.since|moment:now }}`: the time, with the date where it is not today's."""
    return formatting.moment_text(value, now)


@register.filter
def iso(value: datetime | None) -> str:
    """For `<time datetime>`; "" for None."""
    return "" if value is None else value.isoformat()


class NamedAddress(template.Node):
    """`{% url "about" %}`."""

    child_nodelists = ()

    def __init__(self, name: str) -> None:
        self._name = name

    def render(self, context: template.Context) -> str:
        return escape(address_of(self._name)) if context.autoescape else address_of(self._name)


@register.tag
def url(parser: template.base.Parser, token: template.base.Token) -> template.Node:
    """Django's own; an address without arguments is looked up once. Looked up all the same where it is missing, so that the error is the same too."""
    made = defaulttags.url(parser, token)
    name = made.view_name.var
    is_plain = isinstance(name, str) and not (made.args or made.kwargs or made.asvar or made.view_name.filters)
    return NamedAddress(name) if is_plain else made


@register.simple_tag
@lru_cache(maxsize=64)
def constant(name: str) -> SafeString:
    """A template that is the same on every page, for everybody: it is rendered once."""
    return render_to_string(name)


@register.simple_tag
def rows(name: str, rows: Iterable[Any], **context: Any) -> SafeString:
    """The rows of a list, by a compiled template of `templates/rows/`."""
    return compiled.render_rows(name, rows, **context)


@register.inclusion_tag("components/_term.html", takes_context=True)
def term(context: template.Context, name: str) -> dict[str, Any]:
    """A "?" that explains a term of `dashboard.layout.glossary`; only where the page first uses it, later ones are empty."""
    # the lowest layer of the rendering's own context is shared by the page and everything it includes
    layers: Any = context.render_context.dicts
    seen: set[str] = layers[0].setdefault("terms explained", set())
    first = name not in seen
    seen.add(name)
    return {"term": name, "slug": slugify(name), "spans": spans(glossary.TERMS[name].text), "first": first}


@register.inclusion_tag("components/_switchers.html", takes_context=True)
def switchers(context: template.Context) -> dict[str, Any]:
    """The broker and virtual-host menus; a page about one object shows where that object is."""
    shell = context["shell"]
    shown = next((context[name] for name in ("queue", "exchange", "connection", "worker", "task") if isinstance(context.get(name), LOCATED)), None)
    broker = shown.broker if shown else shell.broker
    vhost = shown.vhost if shown else shell.vhost
    return {"shell": shell, "broker": broker, "broker_level": shell.level_of(broker), "vhost": vhost, "vhosts": shell.vhosts_of(broker)}


@register.simple_tag
def renews_only(kind: str, pk: int) -> SafeString:
    """The attributes of a form whose answer, a whole page, renews the element "kind-pk" alone: what is being typed beside it stays."""
    key = f"{kind}-{pk}"
    return format_html('hx-boost="true" hx-target="#{0}" hx-select="#{0}" hx-swap="morph:outerHTML" hx-push-url="false"', key)


@register.simple_tag(takes_context=True)
def at_moment(context: template.Context, at: datetime) -> str:
    """The address of this page at another moment."""
    return address_at(context["request"], at)


@register.simple_tag(takes_context=True)
def part(context: template.Context, name: str, follows: str = "", every: str = "", path: str = "") -> SafeString:
    """The attributes of an element whose content htmx fetches again from the page's own address with `?part=name` (docs/live.md).

    `follows`: facts after which it is out of date, besides its own name; "tick/10" at most every 10 s. `every`: "3s" repeats it until the answer is 286.
    `path`: of the page that has the part, where that is another one.
    """
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    query["part"] = name
    repeats = every and getattr(request, "moment", None) is None  # the past does not change
    trigger = f"hareline:outdated, every {every}" if repeats else "hareline:outdated"
    address = f"{path or request.path}?{query.urlencode()}"
    return format_html(
        'data-part="{}" data-follows="{}" hx-get="{}" hx-trigger="{}" hx-sync="this:replace" hx-swap="morph:innerHTML"', name, follows, address, trigger
    )
