"""One change: when, who, its definition before and after, and where an example message went before and after."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse

from brokers import queries
from brokers.models import Change
from brokers.scope import Scope
from dashboard.changes.explained import Explained, explained
from dashboard.changes.row import Row, row_of

JUST_BEFORE = timedelta(milliseconds=1)


class ChangePage:
    def __init__(self, scope: Scope, change: Change, now: datetime) -> None:
        self.scope, self.change, self.now = scope, change, now

    @cached_property
    def row(self) -> Row:
        return row_of(self.change, self.now)

    @property
    def hides_details(self) -> bool:
        """Whether only a part of the virtual host is visible, so that definitions are not shown."""
        return not self.scope.covers(self.change.broker.name, self.change.vhost or None)

    @cached_property
    def explained(self) -> Explained:
        one = self.change
        was, now = queries.topologies_around(self.scope, one)
        return explained(one.kind, one.name, one.before, one.after, was, now, one.broker.version or None)

    @property
    def question(self) -> str:
        """The example message, in words."""
        question = self.explained.question or {}
        key = question.get("routing_key") or "an empty key"
        headers = f", headers {json.dumps(question['headers'], ensure_ascii=False)}" if question.get("headers") else ""
        return f"A message to {question.get('exchange') or 'the default exchange'}, with the key {key}{headers}"

    @property
    def links(self) -> list[tuple[str, str]]:
        """(words, address) of the same question on the page “Why”, before the change, after it, and now."""
        earlier = self.change.earlier_at or self.change.at - JUST_BEFORE
        return [("Explain it before", self._why(earlier)), ("Explain it after", self._why(self.change.at)), ("Explain it now", self._why(None))]

    def _why(self, at: datetime | None) -> str:
        question = self.explained.question or {}
        parts = {
            "broker": self.change.broker.name,
            "vhost": self.change.vhost,
            "exchange": question.get("exchange", ""),
            "routing_key": question["routing_key"],
            **({"headers": json.dumps(question["headers"], ensure_ascii=False)} if question.get("headers") else {}),
        }
        return f"{reverse('routing')}?{urlencode(parts | ({} if at is None else {'at': at.isoformat()}))}"

    @property
    def moments(self) -> list[tuple[str, str]]:
        """(words, address) of the overview as it was on both sides of the change."""
        earlier = self.change.earlier_at or self.change.at - JUST_BEFORE
        return [
            (f"The overview {words}", f"{reverse('overview')}?{urlencode({'broker': self.change.broker.name, 'at': at.isoformat()})}")
            for words, at in (("before", earlier), ("after", self.change.at))
        ]

    @property
    def around(self) -> str:
        """The list of what changed within a few minutes of it."""
        start, end = self.change.at - timedelta(minutes=5), self.change.at + timedelta(minutes=5)
        since, before = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (start, end))
        return f"{reverse('changes')}?{urlencode({'broker': self.change.broker.name, 'q': f'since:{since} before:{before}'})}"
