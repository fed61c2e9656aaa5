"""A page as a person reads it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any


def text_of(answer: Any) -> str:
    """The text of an answer, without tags, each gap one blank."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
