"""The rows of long lists, rendered by templates that Jinja2 compiles to Python: `templates/rows/`, a file for each kind of row.

Django's own engine spends two thirds of such a page on them. Everything is escaped unless it is marked safe, and a name that does not exist is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.template import engines
from django.utils.safestring import SafeString
from jinja2 import Environment, StrictUndefined

from dashboard.layout import formatting, symbols

ENGINE = "rows"


def environment(**options: Any) -> Environment:
    """What these templates print with; Django's Jinja2 backend calls it with its options."""
    made = Environment(**{**options, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True})  # noqa: S701  (Django's options switch autoescape on)
    made.filters |= {"number": formatting.number, "json_text": json_text}
    made.globals |= {name: getattr(symbols, name) for name in ("icon", "shape", "sparkline", "depth_bar", "renews_content")}
    made.globals["moment_text"] = formatting.moment_text
    return made


def json_text(value: Any) -> str:
    """JSON for an attribute; the template escapes it."""
    return json.dumps(value, separators=(",", ":"), default=str)


def render_rows(name: str, rows: Iterable[Any], **context: Any) -> SafeString:
    """The rows of a list, by `templates/rows/<name>.html`."""
    return SafeString(engines[ENGINE].get_template(f"{name}.html").render({"rows": rows, **context}))
