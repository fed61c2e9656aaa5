"""What every page's frame shows: the brokers to switch between, the badge, the person."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def context(request: HttpRequest) -> dict[str, Any]:
    """The frame's part of each template's context."""
    return {}
