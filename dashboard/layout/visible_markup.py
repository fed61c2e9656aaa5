"""Invisible characters of names, made visible in the HTML of a page or a fragment: one place for every template.

Pure. What is sent back or run stays as it is: values of fields, text areas, addresses, scripts. Tabs and line ends are shown only where a name or a
code stands (`<bdi>`, `<code>`), and so are blanks at the ends of a name.
"""

from __future__ import annotations

import re

from brokers.characters import UNSEEN, visible

_UNSEEN = re.compile(f"[{UNSEEN}]")
_NAMES = re.compile(r"(<(bdi|code)\b[^>]*>)([^<]*[\t\n\r][^<]*|[ ][^<]*|[^<]*[ ])(?=</\2>)")
_TOKENS = re.compile(r"(<!--.*?-->|<(?P<raw>script|style|textarea)\b.*?</(?P=raw)\s*>|<[a-zA-Z/!](?:\"[^\"]*\"|'[^']*'|[^'\">])*>)", re.DOTALL | re.IGNORECASE)
_READ_ALOUD = re.compile(r'(\s(?:title|aria-label)=")([^"]*)(?=")')
_ENDS = re.compile("^ +| +$")


def visible_markup(html: str) -> str:
    """The HTML with invisible characters of its texts shown as their pictures.

    >>> visible_markup('<bdi title="a\\x00">orders\\n </bdi><input value="a\\x00">').replace("\\x00", "NUL")
    '<bdi title="a␀">orders␊␠</bdi><input value="aNUL">'
    """
    html = _NAMES.sub(_name, html)
    if not _UNSEEN.search(html):
        return html
    shown, end = [], 0
    for token in _TOKENS.finditer(html):
        shown += [visible(html[end : token.start()], lines=True), _tag(token)]
        end = token.end()
    return "".join([*shown, visible(html[end:], lines=True)])


def _name(found: re.Match[str]) -> str:
    shown = visible(found[3])
    return found[1] + (_ENDS.sub(lambda blanks: "␠" * len(blanks[0]), shown) if found[2] == "bdi" else shown)


def _tag(token: re.Match[str]) -> str:
    return token[0] if token["raw"] else _READ_ALOUD.sub(lambda attribute: attribute[1] + visible(attribute[2]), token[0])
