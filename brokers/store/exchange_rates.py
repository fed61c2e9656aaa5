"""The rates of exchanges after a poll."""

from __future__ import annotations

from brokers.models import Exchange
from brokers.parts import EXCHANGES
from brokers.stats import BrokerStats
from brokers.store.memory import BrokerMemory
from brokers.store.rows import update_rows


def save_exchange_rates(broker_id: int, poll: BrokerStats, memory: BrokerMemory) -> None:
    """Stores the rates of the exchanges that have a row, and their snapshot. A poll without any did not read them, since every broker has some. While
    they cannot be read the rows keep their last values, and history has a gap."""
    at = poll.at
    reported = {(exchange.vhost, exchange.name): exchange for exchange in poll.exchanges}
    changed, values = [], {}
    writer = memory.writer(broker_id, "exchanges")
    if EXCHANGES in poll.failed:
        writer.write_gap(at)
        return
    fields = ("publish_in_per_second", "publish_out_per_second")
    live = set()
    for pk, vhost, name, *was in Exchange.objects.filter(broker_id=broker_id, gone_at=None).values_list("pk", "vhost", "name", *fields):
        live.add(pk)
        exchange = reported.get((vhost, name))
        counts = (exchange.published_in, exchange.published_out) if exchange else (None, None)
        rates = was
        if poll.exchanges:
            rates = [memory.rate(("exchange", pk, field), poll.exchanges_at or at, count) for field, count in zip(fields, counts, strict=True)]
        if rates != was:
            changed.append((pk, (*rates, at)))
        if writer.is_new or rates != was:
            values[pk] = tuple(rates)
    memory.forget_meters("exchange", live)
    update_rows(Exchange, (*fields, "changed_at"), changed)
    writer.write(values, at)
