"""The panel "Route of the next send" beside the form of the send page."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers.models import Broker
from dashboard.layout.spans import Span
from dashboard.send import path as send_path
from dashboard.send.action import Prediction
from dashboard.send.path import Hop, Reason
from dashboard.why.story.task import task_headline
from dashboard.why.task_answer import TaskExplanation
from workers.sending import send_options


class ShownPrediction:
    """One prediction, as the panel has it."""

    def __init__(self, found: Prediction, user: str, broker: Broker, vhost: str) -> None:
        self._order, self._answer, self._user = found.order, found.answer, user
        self._place = {"broker": broker.name, "vhost": vhost}
        routed = self._answer.broker
        level, headline = ("critical", [Span(routed.reason)]) if routed and routed.outcome == "refused" else task_headline(self._sent, self._order.task)
        self.level: str = level
        self.headline: list[Span] = headline

    @property
    def _sent(self) -> TaskExplanation:
        """It is sent in any case, whatever the application itself would do."""
        return msgspec.structs.replace(self._answer, celery=msgspec.structs.replace(self._answer.celery, error=None, exchange=""))

    @property
    def hops(self) -> list[Hop]:
        return send_path.hops(self._answer, self._order, self._user)

    @property
    def reasons(self) -> list[Reason]:
        return send_path.reasons(self._answer, self._order)

    @property
    def unknown(self) -> list[str]:
        return self._answer.unknown

    @property
    def address(self) -> str:
        """The whole explanation of the message that will be sent."""
        to = send_options.destination(self._order.options)
        return f"{reverse('routing')}?{urlencode({**self._place, 'of': 'message', 'exchange': to.exchange, 'routing_key': to.routing_key})}"
