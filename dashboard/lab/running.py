"""One experiment that runs: its virtual host, the host process of its nodes, and what these measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from brokers.management.changing import LabVhosts
from workers.lab.catalog import PATTERNS
from workers.lab.claims import verdict
from workers.lab.knobs import Knobs
from workers.lab.place import Place
from workers.lab.plan import OUTSTANDING, Plan
from workers.lab.process import Host, HostProcess
from workers.lab.tally import Followed, Tally

MESSAGES_SHOWN = 12
Start = Callable[[Place], Host]


class Running:
    """From `start` until `end`. Errors of the broker are those of `brokers.errors`; what failed is done again by calling it again."""

    def __init__(self, pattern: str, knobs: dict[str, Any], revision: int, place: Place, vhosts: LabVhosts, start: Start = HostProcess) -> None:
        self.pattern, self.place, self.revision = PATTERNS[pattern], place, revision
        self._vhosts, self._start = vhosts, start
        self.plan = self._planned(knobs)
        self.tally = Tally(self.plan)
        self._host: Host | None = None
        self._publishes = self._paused = False

    def start(self) -> None:
        self._vhosts.make(self.place.vhost, self.plan.definitions)
        self._start_host()

    def _start_host(self) -> Host:
        host = self._host = self._start(self.place)
        host.plan(self.plan)
        self._publishes = self._paused = False
        return host

    def change(self, knobs: dict[str, Any], revision: int) -> None:
        """Other knobs: what they do not concern goes on, and measuring begins anew."""
        plan = self._planned(knobs)
        gone = plan.changed_queues(self.plan)
        self._vhosts.replace_queues(self.place.vhost, gone, plan.definitions)
        nodes = tuple(msgspec.structs.replace(node, generation=revision if node.queue in gone else self._generation(node.name)) for node in plan.nodes)
        self.plan, self.revision = msgspec.structs.replace(plan, nodes=nodes), revision
        self.tally = Tally(self.plan, self.tally.round_number + 1, self.tally)
        if self._host is not None:
            self._host.plan(self.plan)
        self._publishes = self._paused = False

    def round(self) -> None:
        """Takes what was reported, and starts the publisher once every node consumes. Raises OSError where the program or the
        publisher ended by itself: the next call starts another."""
        host = self._host or self._start_host()
        if host.has_ended:
            self.end()
            self.tally = Tally(self.plan, self.tally.round_number + 1)
            raise OSError("the program of the experiment ended by itself, and is started again")
        for report in host.reports():
            self.tally.apply(report)
        if self.tally.publisher_left:
            self.tally = Tally(self.plan, self.tally.round_number + 1, self.tally)
            self._publishes = self._paused = False
            raise OSError("the producer ended by itself, and is started again")
        if self.tally.is_ready and not self._publishes:
            host.publish(self.tally.round_number)
            self._publishes = True
        if self._paused != (pause := self.tally.outstanding() >= OUTSTANDING):
            host.pause(pause)
            self._paused = pause

    @property
    def host_pid(self) -> int | None:
        return None if self._host is None else self._host.pid

    @property
    def publishes(self) -> bool:
        return self._publishes

    def end(self) -> None:
        """Kills its processes: what they do is of no use any more. The virtual host is removed by `Runner`."""
        if self._host is not None:
            self._host.kill()
            self._host = None

    def measured(self, now: float) -> dict[str, Any]:
        """What the page shows, as JSON."""
        tally = self.tally
        return {
            "revision": self.revision,
            "sent": tally.sent,
            "outstanding": tally.outstanding(),
            "paused": self._paused,
            "problem": tally.problem,
            "nodes": [
                {"name": node.name, "queue": node.queue, "limit": node.limit, **msgspec.to_builtins(tally.nodes[node.name])} for node in tally.plan.nodes
            ],
            "verdict": msgspec.to_builtins(verdict(self.pattern.measured, tally, now)),
            "messages": [self._message(one) for one in list(tally.messages.values())[-MESSAGES_SHOWN:] if one.sent_at is not None],
        }

    def _message(self, one: Followed) -> dict[str, Any]:
        expected = self.tally.expected[one.variant]
        state = "dropped" if not expected else "done" if one.done.total() >= len(expected) else "worked on" if one.got else "waiting"
        return {"id": one.id, "variant": one.variant, "state": state, "nodes": sorted(one.got), "queues": sorted(expected), "rejected": len(one.rejected)}

    def _planned(self, knobs: dict[str, Any]) -> Plan:
        return self.pattern.plan(msgspec.convert(knobs, Knobs))

    def _generation(self, name: str) -> int:
        return next((node.generation for node in self.plan.nodes if node.name == name), 0)
