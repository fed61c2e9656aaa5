"""The latest changes as lines of the overview."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers.models import Change
from dashboard.layout.folded_changes import folded, folded_text


class ChangeLine(msgspec.Struct, frozen=True):
    at: datetime
    text: str
    vhost: str
    address: str


def change_lines(changes: Sequence[Change]) -> list[ChangeLine]:
    """A line for each change, and one for those of the consumers of many queues at once."""
    return [_line(alike) for alike in folded(changes)]


def _line(alike: Sequence[Change]) -> ChangeLine:
    one = alike[0]
    if len(alike) == 1:
        return ChangeLine(one.at, one.text, one.vhost, reverse("change", args=[one.pk]))
    since, before = (f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in (one.at, one.at + timedelta(seconds=1)))
    query = {"broker": one.broker.name, "vhost": one.vhost, "q": f"kind:consumer what:{one.what} since:{since} before:{before}"}
    return ChangeLine(one.at, folded_text(one.what, len(alike)), one.vhost, f"{reverse('changes')}?{urlencode(query)}")
