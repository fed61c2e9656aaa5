"""The page "Why": the selected virtual host, the question forms, and the one in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.live import topics
from dashboard.why.forms.existing import ExistingForm
from dashboard.why.forms.message import MessageForm
from dashboard.why.forms.question_form import QuestionForm
from dashboard.why.forms.reach import ReachForm
from dashboard.why.forms.task import TaskForm
from dashboard.why.where import Where

FORMS: tuple[type[QuestionForm], ...] = (TaskForm, MessageForm, ExistingForm, ReachForm)
DEFAULT_FORM = MessageForm
VHOSTS_SHOWN = 8


class VhostLink(msgspec.Struct, frozen=True):
    broker: str
    vhost: str
    address: str
    current: bool


class RoutingPage:
    """The question of one request. `broker` and `vhost` are those selected in the page frame, None for all."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, query: Mapping[str, str], now: datetime) -> None:
        self.now = now
        self.where = Where(scope, brokers, broker, vhost, now)
        kinds = {kind.of: kind for kind in FORMS}
        self.form = kinds.get(query.get("of", ""), DEFAULT_FORM)(self.where, query)

    def answer(self) -> bool:
        """Answers the question; False if it is invalid."""
        return self.form.answer()

    @property
    def broker(self) -> Broker | None:
        return self.where.broker if self.where.is_known else None

    @property
    def vhost(self) -> str:
        return self.where.vhost

    @cached_property
    def forms(self) -> list[tuple[str, str, str, bool]]:
        """[(label, icon, address, whether it is the current one)]."""
        base = {"broker": self.where.broker.name if self.where.is_known else "", "vhost": self.vhost}
        return [(kind.word, kind.icon, f"{reverse('routing')}?{urlencode({**base, 'of': kind.of})}", isinstance(self.form, kind)) for kind in FORMS]

    @property
    def vhost_links(self) -> list[VhostLink]:
        """Links to the virtual hosts, if there is more than one."""
        vhosts = self.where.vhosts
        shown = vhosts[:VHOSTS_SHOWN] if len(vhosts) > 1 else []
        return [VhostLink(broker.name, vhost, self.form.address(broker.name, vhost), (broker, vhost) == self.where.chosen) for broker, vhost in shown]

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.where.broker.pk).name] if self.where.is_known else []
