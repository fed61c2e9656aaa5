"""The messaging patterns of what is drawn, in a few words: for many queues at once, by what was read of their virtual host anyway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

import msgspec

from brokers import queries
from brokers.models import Channel, Queue
from brokers.queries.kept import Kept
from dashboard.layout.flow_patterns import MODEL_TEXTS, Model
from dashboard.layout.queue_nodes import Taken, is_machinery, pattern_of_queue
from dashboard.layout.queues_and_nodes import Arrangements, arrangements
from dashboard.layout.wiring import Wiring, wiring
from dashboard.map.graph import Node
from dashboard.map.loaded import Place
from workers import queries as worker_queries
from workers.queries import Takers

TAKEN_WITHIN = timedelta(minutes=10)
_takers: Kept[Mapping[tuple[str, str], Takers]] = Kept(most=16)


class Patterns:
    """Of the queues and exchanges of a virtual host; `queues` are those that are drawn."""

    def __init__(self, place: Place, queues: Iterable[str], now: datetime) -> None:
        self.place, self.queues, self.now = place, list(queues), now

    @cached_property
    def _wired(self) -> Wiring:
        return wiring(self.place.topology)

    @cached_property
    def _relations(self) -> Arrangements:
        consuming = {name: members for name, members in self.place.consuming.items() if not is_machinery(name, self.place.names)}
        cells = [(name, one.hostname) for name, members in consuming.items() for one in members if one.hostname]
        unclear = [name for name in self.queues if any(not one.hostname for one in self.place.consuming.get(name, ()))]
        return arrangements(self.queues, (), cells, unclear)

    @cached_property
    def _shared(self) -> Sequence[str]:
        """The drawn queues that several worker nodes consume."""
        return [name for name in self.queues if len({one.hostname for one in self.place.consuming.get(name, ()) if one.hostname}) > 1]

    @cached_property
    def _taken(self) -> Mapping[tuple[str, str], Takers]:
        """Read once a poll for all queues and all viewers."""
        broker = self.place.broker.pk
        return _takers.get(broker, self.place.state, lambda: worker_queries.takers(broker, self.now - TAKEN_WITHIN)) if self._shared else {}

    @cached_property
    def _channels(self) -> Mapping[str, Channel]:
        """Those of the queues that several worker nodes share: whether their prefetch counts have a limit decides what is fair."""
        names = {one.connection_name for queue in self._shared for one in self.place.consuming[queue] if one.connection_name}
        found = queries.channels(self.place.scope, self.place.broker.pk, self.place.vhost, connections=names) if names and self._taken else []
        return {one.name: one for one in found}

    def of_queue(self, node: Node, row: Queue) -> str:
        """Between queues and nodes, how consumers share it, whether fairly, and the model; what is not known is left out. Consumers have no history."""
        if node.own:
            return ""
        model = self._model_text("publish_subscribe" if row.type == "stream" else self._model(self._wired.is_copied(row.name)))
        consuming = self.place.consuming.get(row.name, ())
        if row.past_at is not None or (row.consumers != 0 and not consuming):
            return model
        taken = {host: Taken(*counted) for host, counted in self._taken.get((row.vhost, row.name), {}).items()} if row.name in self._shared else {}
        found = pattern_of_queue(row, consuming, None, self.place.rows_of_workers, self._channels if taken else None, taken)
        relation = self._relations.queues[row.name] if self.place.whole else ""  # other queues of these nodes may not be visible
        return ", ".join(part for part in (msgspec.structs.replace(found, relation=relation).short, model) if part)

    def of_exchange(self, node: Node) -> str:
        """The model: of the default exchange each message goes to one queue."""
        if node.own:
            return ""
        if node.name and not self._wired.leads_to_a_queue(node.name):
            return self._model_text("nowhere") if self.place.whole else ""
        return self._model_text(self._model(self._wired.makes_copies(node.name)) if node.name else "point_to_point")

    def _model(self, copied: bool | None) -> Model | None:
        """None where not all bindings were compared, or not all are visible."""
        if copied:
            return "publish_subscribe"
        return None if copied is None or not self.place.whole else "point_to_point"

    @staticmethod
    def _model_text(model: Model | None) -> str:
        return "" if model is None else MODEL_TEXTS[model].lower()
