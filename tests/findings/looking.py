"""Rules that look at a real broker: polled here instead of by processes, as soon as somebody looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from brokers import store
from brokers.addresses import BrokerAddress
from brokers.errors import BrokerError
from brokers.management.management_api import Limits, ManagementApi
from brokers.models import Broker
from brokers.polling.poll_memory import PollMemory
from dashboard.findings.evaluation import Evaluation
from dashboard.models import Finding
from tests.brokers.polled import poll_once, save_whole_poll


class Looking:
    """`vhost`: only findings about its objects count; None: all of the broker's."""

    def __init__(self, address: BrokerAddress, broker: Broker, vhost: str | None = None) -> None:
        self.api = ManagementApi(address, limits=Limits(connect_seconds=2, read_seconds=5, total_seconds=8))
        self.pk, self.vhost = broker.pk, vhost
        self.kept, self.stored, self.evaluation = PollMemory(), store.BrokerMemory(poll_seconds=60), Evaluation()

    def poll(self, now: datetime) -> None:
        try:
            save_whole_poll(self.pk, poll_once(self.api, now, self.kept), now, self.stored, lambda: True)
        except BrokerError as error:
            self.kept.depths, self.kept.inventory = self.kept.depths.reset(), self.kept.inventory.reset()
            store.save_failure(self.pk, Broker.UNREACHABLE, str(error), now, 1.0, self.stored)

    def look(self, ahead: float = 0.0, now: datetime | None = None) -> dict[str, Finding]:
        """The open findings after a poll and a round, by "rule name". `ahead`: so many seconds later, for what opens or closes after a while."""
        at = now or datetime.now(UTC)
        self.poll(at)
        self.evaluation.look_at(Broker.objects.get(pk=self.pk), at + timedelta(seconds=ahead))
        return self.open()

    def open(self) -> dict[str, Finding]:
        rows = Finding.objects.filter(broker_id=self.pk, closed_at=None)
        return {f"{one.rule} {one.name}": one for one in rows if self.vhost is None or one.vhost in ("", self.vhost)}


def values(finding: Finding) -> dict[str, str]:
    """{name: value} of its evidence."""
    return {one["name"]: one["value"] for one in finding.body["evidence"]}
