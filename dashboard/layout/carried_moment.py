"""The moment of a page carried through its HTML: one place for every link, form and part, so that none of them leads back to now by mistake.

Pure. Links and parts get the moment, forms that only read get it as a field, and forms that act are switched off with the reason; if one is sent all the
same, its address has the moment too, and the server refuses it (`dashboard.layout.past_requests`). What leads to now on purpose has `data-now`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape, unescape
from urllib.parse import quote

REASON = "Actions are off: this page shows a past moment"
_FORM = re.compile(r"<form\b[^>]*>.*?</form\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<(?P<name>[a-zA-Z][\w-]*)\b(?P<rest>(?:\"[^\"]*\"|'[^']*'|[^'\">])*)>")
_ATTRIBUTE = re.compile(r"(?P<before>\s)(?P<name>href|action|hx-get|hx-post|formaction)=\"(?P<value>[^\"]*)\"")
_POSTS = re.compile(r"\smethod=\"post\"|\shx-post=", re.IGNORECASE)
_BUTTON = re.compile(r"<(button|input)\b((?:\"[^\"]*\"|[^\">])*)>", re.IGNORECASE)
_ID = re.compile(r"\sid=\"([^\"]*)\"")
_OLD = re.compile(r" (?:disabled(?:=\"[^\"]*\")?|title=\"[^\"]*\")(?=[ >]|$)")
_SENDS = re.compile(r"\stype=\"(submit|image)\"")
_OF_FORM = re.compile(r"\sform=\"([^\"]*)\"")


def carried(html: str, at: str, always: Collection[str], static: str = "/static/") -> str:
    """The HTML of a page at the moment `at`. `always` are the paths to which a form may be sent from any moment, `static` where files are.

    >>> carried('<a href="/queues/?q=a">', "2026-11-24T03:10:50Z", ())
    '<a href="/queues/?q=a&amp;at=2026-11-24T03%3A10%3A50Z">'
    >>> carried('<form method="get" action="/find/"><input name="q"></form>', "2026-11-24T03:10:50Z", ())
    '<form method="get" action="/find/"><input type="hidden" name="at" value="2026-11-24T03:10:50Z"><input name="q"></form>'
    """
    acting = {found[1] for form in _FORM.finditer(html) if (head := _head(form[0])) and _acts(head, always) and (found := _ID.search(head))}
    html = _FORM.sub(lambda form: _form(form[0], at, always), html)
    return _TAG.sub(lambda tag: _tag(tag, at, always, acting, static), html)


def _head(form: str) -> str:
    found = _TAG.match(form)
    return found[0] if found else ""


def _acts(head: str, always: Collection[str]) -> bool:
    if not _POSTS.search(head):
        return False
    action = next((unescape(found["value"]) for found in _ATTRIBUTE.finditer(head) if found["name"] in ("action", "hx-post")), "")
    return action.partition("?")[0] not in always


def _form(form: str, at: str, always: Collection[str]) -> str:
    """A form that only reads has the moment as a field; one that acts has no button that works."""
    head = _head(form)
    if _acts(head, always):
        return head + _BUTTON.sub(_off, form[len(head) :])
    if _POSTS.search(head) or ' name="at"' in form or 'method="dialog"' in head or "data-now" in head:
        return form
    return f'{head}<input type="hidden" name="at" value="{escape(at)}">{form[len(head) :]}'


def _off(control: re.Match[str]) -> str:
    """The button, or the field that sends a form, switched off."""
    name, rest = control[1], control[2]
    if name.lower() == "input" and not _SENDS.search(rest):
        return control[0]
    return f'<{name} disabled title="{REASON}"{_OLD.sub("", rest)}>'


def _tag(tag: re.Match[str], at: str, always: Collection[str], acting: Collection[str], static: str) -> str:
    name, rest = tag["name"].lower(), tag["rest"]
    if " data-now" in rest:
        return tag[0]
    if name == "button" and " disabled" not in rest:
        of = _OF_FORM.search(rest)
        if (of and of[1] in acting) or _acts(tag[0], always):
            return _off_tag(tag)
    if name == "form" and not _POSTS.search(rest):
        return tag[0]  # its field has the moment; a query in the address would be dropped
    return f"<{tag['name']}{_ATTRIBUTE.sub(lambda found: _address(found, at, always, static), rest)}>"


def _off_tag(tag: re.Match[str]) -> str:
    found = _BUTTON.match(tag[0])
    return _off(found) if found else tag[0]


def _address(found: re.Match[str], at: str, always: Collection[str], static: str) -> str:
    value = unescape(found["value"])
    path = value.partition("#")[0]
    where = path.partition("?")[0]
    elsewhere = (value and value[0] not in "/?") or value.startswith(("//", static)) or not path
    if elsewhere or where in always or "/api/" in where or (carried_to := with_moment(value, at)) == value:
        return found[0]
    return f'{found["before"]}{found["name"]}="{escape(carried_to)}"'


def with_moment(address: str, at: str) -> str:
    """The address at the moment, or as it is if it has one of its own.

    >>> with_moment("/queues/?what=a#b", "2026-11-24T03:10:50Z"), with_moment("/queues/?at=now", "2026-11-24T03:10:50Z")
    ('/queues/?what=a&at=2026-11-24T03%3A10%3A50Z#b', '/queues/?at=now')
    """
    path, _, fragment = address.partition("#")
    where, _, query = path.partition("?")
    if any(part.startswith("at=") for part in query.split("&")):
        return address
    return f"{where}?{f'{query}&' if query else ''}at={quote(at, safe='')}{f'#{fragment}' if fragment else ''}"
