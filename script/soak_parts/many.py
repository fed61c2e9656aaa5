"""`script/soak many`: two web processes behind nginx, two pollers, two receivers and two maintenance processes on PostgreSQL, killed at random under traffic.

Two brokers and four virtual hosts, so that there is something to spread. Afterwards everything published is compared with what is stored, and the
journal of holders must show that no piece of work was two processes' at a time.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from script.postgresql_server import PostgresServer, ServerError, find_programs
from script.rabbitmq_node import RabbitNode
from script.soak_parts import holdings
from script.soak_parts.comparison import Findings, compare, read_tasks, read_workers
from script.soak_parts.fleet import Fleet
from script.soak_parts.journal import Journal
from script.soak_parts.many_stack import MACHINES, ManyStack, nginx
from script.soak_parts.pages import page_problems
from script.soak_parts.publisher import Publisher, Traffic, seeded
from script.soak_parts.rows_read import Database, moment_of, rows
from script.soak_parts.run import virtual_host
from script.soak_parts.visitors import PageVisitor, Sockets

BROKERS = {"one": ("m1", "m2", "m3"), "two": ("m4",)}
LONG_SECONDS, EVENTS_PER_SECOND = 60.0, 400.0
BACK_SECONDS, SETTLE_SECONDS = 90.0, 120.0
RESTART_SECONDS = 1.0  # as long as a supervisor may take
NOTICED_SECONDS = 25.0
LONGEST_POLL_GAP = 20.0
LONGEST_PAUSE = 20.0  # where both of a kind were killed, until one was started
SOCKETS = 20
LONGEST_TASK = 8.0


@dataclass
class Report:
    """`figures`: what was measured; `faults`: what isn't as it must be."""

    figures: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def hold(self, name: str, figure: object, right: bool) -> None:
        self.figures[name] = str(figure)
        if not right:
            self.faults.append(f"{name}: {figure}")


class Source:
    """The traffic of one virtual host, and the journal of what its broker confirmed."""

    def __init__(self, node: RabbitNode, vhost: str, directory: Path, rate: float, seed: int) -> None:
        self.vhost = vhost
        self.fleet = Fleet(vhost, seeded(seed), 2.0, LONGEST_TASK, 0.02)
        self.journal = Journal(directory / f"{vhost}.published.jsonl")
        self.publisher = Publisher(node.amqp_url(vhost), self.journal)
        self.traffic = Traffic(self.fleet, self.publisher, rate)

    def findings(self, database: Database) -> Findings:
        behind = {worker.hostname: max(0.0, -worker.clock_error) for worker in self.fleet.workers}
        return compare(self.journal.tasks(), read_tasks(database, self.vhost), read_workers(database, self.vhost), behind)


class Consumers:
    """The most consumers that each of our event queues had at a time, by the brokers themselves."""

    def __init__(self, nodes: dict[str, RabbitNode]) -> None:
        self.most: Counter[str] = Counter()
        self._nodes, self._ended = nodes, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(20)

    def _run(self) -> None:
        while not self._ended.wait(0.5):
            for node in self._nodes.values():
                with contextlib.suppress(OSError):
                    queues = [consumer["queue"] for consumer in node.api("GET", "consumers")]
                    for (vhost, name), count in Counter((queue["vhost"], queue["name"]) for queue in queues).items():
                        if name.startswith("hareline."):
                            self.most[f"{name} in {vhost}"] = max(self.most[f"{name} in {vhost}"], count)


def many(directory: Path, seconds: float | None, rate: float | None, seed: int, sqlite: bool = False) -> Report:
    """`sqlite`: on a file, as several processes of one machine may share it."""
    report, seconds = Report(), LONG_SECONDS if seconds is None else seconds
    directory.mkdir()
    server = PostgresServer()
    nodes = {name: RabbitNode(directory / f"rabbitmq-{name}", statistics_interval_ms=1000) for name in BROKERS}
    with contextlib.ExitStack() as ends:
        ends.callback(server.remove)
        if not sqlite:
            server.start()
        for name, node in nodes.items():
            ends.callback(node.kill)
            node.start()
            for vhost in BROKERS[name]:
                ends.enter_context(virtual_host(node, vhost))
        stack = ManyStack(nodes, directory / "hareline", directory / "hareline.sqlite3" if sqlite else server.url())
        ends.callback(stack.stop)
        stack.start()
        share = (rate or EVENTS_PER_SECOND) / sum(map(len, BROKERS.values()))
        places = [(nodes[name], vhost) for name, vhosts in BROKERS.items() for vhost in vhosts]
        sources = [Source(node, vhost, directory, share, seed + number) for number, (node, vhost) in enumerate(places)]
        consumers = Consumers(nodes)
        try:
            consumers.start()
            _run(report, stack, sources, seconds, seed)
            consumers.stop()
            most = max(consumers.most.values(), default=0)
            report.hold("most consumers of one event queue at a time, by the brokers", f"{most} ({len(consumers.most)} queues)", most == 1)
        finally:
            consumers.stop()
            for source in sources:
                source.traffic.stop()
                source.journal.close()
            if report.faults:
                print(stack.logs(), file=sys.stderr)
    return report


def _run(report: Report, stack: ManyStack, sources: list[Source], seconds: float, seed: int) -> None:
    vhosts = {source.vhost for source in sources}
    _wait(lambda: vhosts <= _receiving(stack), BACK_SECONDS, "the events of every virtual host are received")  # before, no queue may be bound to take them
    for source in sources:
        source.traffic.start()
    _wait(lambda: all(len(read_workers(stack.database, source.vhost)) == len(source.fleet.workers) for source in sources), BACK_SECONDS, "events are stored")
    _wait(lambda: _is_spread(stack), BACK_SECONDS, "the work is spread")
    visitor = PageVisitor(stack)
    sockets = Sockets(stack.url, visitor.session, [f"broker/{pk}" for (pk,) in rows(stack.database, "SELECT id FROM brokers_broker")], SOCKETS)
    sockets.start()
    _wait(lambda: sockets.behind(15) == 0, BACK_SECONDS, "every socket has a frame")
    visitor.start()
    _one_of_two_is_missed(report, stack)
    killed = _kill_at_random(stack, seconds, seed)
    report.figures["kills"] = f"{sum(killed.values())} ({', '.join(f'{kind} {count}' for kind, count in sorted(killed.items()))})"
    _until_back(report, stack, sockets)
    visitor.stop()
    report.hold("pages that failed twice in a row", len(visitor.twice), not visitor.twice)
    report.faults += visitor.twice[:3]
    report.figures["pages opened, of which failed once"] = f"{visitor.opened}, {visitor.failed}; the slowest {visitor.slowest_seconds:.1f} s"
    report.hold("sockets that came back", f"{SOCKETS - sockets.behind(15)} of {SOCKETS}", sockets.behind(15) == 0)
    report.figures["sockets lost, longest time without a frame"] = f"{sockets.lost}, {sockets.longest_gap_seconds:.1f} s ({dict(sockets.refused)})"
    sockets.stop()
    for source in sources:
        source.traffic.rate = 0
    _compare(report, stack, sources)
    _holders(report, stack)
    _polls(report, stack)
    report.hold("threads that died", stack.deaths(), stack.deaths() == 0)
    report.hold("processes that ended by themselves", stack.ended(), not stack.ended())


def _receiving(stack: ManyStack) -> set[str]:
    return {vhost for (vhost,) in rows(stack.database, "SELECT vhost FROM workers_eventsource WHERE state = 'receiving'")}


def _is_spread(stack: ManyStack) -> bool:
    """Each poller has a broker and each receiver two virtual hosts."""
    for prefix, each in (("poll ", 1), ("events ", 2)):
        held = Counter(holder for (holder,) in rows(stack.database, "SELECT holder FROM brokers_lease WHERE name >= ? AND name < ?", prefix, f"{prefix}\x7f"))
        if sorted(held.values()) != [each, each]:
            return False
    return True


def _one_of_two_is_missed(report: Report, stack: ManyStack) -> None:
    """With one of two pollers dead the work goes on, and `/readyz` names the dead one until another is started."""
    name, pid = "poller-b", stack.pid("poller-b")
    stack.kill(name)
    began = time.monotonic()
    _wait(lambda: f"process {pid} " in str(stack.get("/readyz")[1]["parts"]["poller"]["reason"]), NOTICED_SECONDS, "/readyz names the poller that died")
    report.figures["one of two pollers dead, named by /readyz after"] = f"{time.monotonic() - began:.1f} s"
    stack.start_process(name)
    began = time.monotonic()
    _wait(lambda: stack.get("/readyz")[0] == 200, BACK_SECONDS, "/readyz is 200 once it was started again")
    report.figures["ready again after its start"] = f"{time.monotonic() - began:.1f} s"


def _kill_at_random(stack: ManyStack, seconds: float, seed: int) -> Counter[str]:
    """{kind: how often}. Any process at any time, but never the last web process that answers: then no page could."""
    rng, ends, killed = seeded(seed), time.monotonic() + seconds, Counter[str]()
    due: list[tuple[float, str]] = []
    while time.monotonic() < ends or due:
        now = time.monotonic()
        for at, name in [one for one in due if one[0] <= now]:
            due.remove((at, name))
            stack.start_process(name)
        down = {name for _, name in due}
        name = rng.choice(stack.names)
        others_answer = not name.startswith("web") or all(stack.web_answers(machine) for machine in MACHINES if not name.endswith(machine))
        if now < ends and name not in down and others_answer:
            stack.kill(name)
            killed[name.rsplit("-", 1)[0]] += 1
            due.append((time.monotonic() + RESTART_SECONDS, name))
        time.sleep(rng.uniform(0.5, 3.0) if now < ends else 0.2)
    return killed


def _until_back(report: Report, stack: ManyStack, sockets: Sockets) -> None:
    began = time.monotonic()
    waited: dict[str, str] = {}
    while missing := _not_back(stack, sockets):
        waited |= {text[:120]: f"{time.monotonic() - began:.0f} s" for text in missing}
        if time.monotonic() - began > BACK_SECONDS:
            report.faults += missing
            break
        time.sleep(0.5)
    report.figures["all back after the last kill"] = f"{time.monotonic() - began:.1f} s"
    report.figures["what was waited for, until"] = "; ".join(f"{text}: {seconds}" for text, seconds in waited.items()).replace("|", "/")


def _not_back(stack: ManyStack, sockets: Sockets) -> list[str]:
    status, answer = stack.get("/readyz")
    parts = answer["parts"] if isinstance(answer, dict) else {}
    reasons = "; ".join(f"{name} {part['reason']}" for name, part in parts.items() if not part["ready"])
    found = [] if status == 200 else [f"/readyz is {status}: {reasons or answer}"]
    found += [] if _is_spread(stack) else ["the work is not spread"]
    found += [f"{sockets.behind(10)} sockets have no frame"] if sockets.behind(10) else []
    return found or page_problems(stack)  # type: ignore[arg-type]


def _compare(report: Report, stack: ManyStack, sources: list[Source]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while any(source.fleet.unfinished or not source.traffic.all_confirmed for source in sources) and time.monotonic() < deadline:
        time.sleep(0.2)
    least = time.monotonic() + 10  # lost events show after some heartbeats
    while True:
        found = [source.findings(stack.database) for source in sources]
        wrong = sum(one.lost + one.double + one.wrong for one in found)
        if time.monotonic() > deadline or (not wrong and time.monotonic() > least):
            break
        time.sleep(2)
    report.figures["events published, stored"] = f"{sum(one.published for one in found):,}, {sum(one.stored for one in found):,}"
    for name in ("lost", "double", "wrong", "lost_events"):
        count = sum(getattr(one, name) for one in found)
        report.hold(f"{name.replace('_', ' ')} of all", count, count == 0)
    report.faults += [text[:400] for one in found for text in one.examples] if report.faults else []


def _holders(report: Report, stack: ManyStack) -> None:
    found = holdings.read(stack.all_lives())
    double = holdings.held_by_two(found)
    report.figures["pieces of work, times that one changed hands"] = f"{len({one.lease for one in found})}, {len(found)}"
    report.hold("held by two at a time", len(double), not double)
    report.faults += double[:3]
    longest = holdings.longest_pause(found, time.time())
    texts = ", ".join(f"{lease} {pause:.1f} s" for lease, pause in sorted(longest.items()))
    report.hold("longest time that nobody held it", texts, max(longest.values(), default=0) <= LONGEST_PAUSE)


def _polls(report: Report, stack: ManyStack) -> None:
    for pk, name in rows(stack.database, "SELECT id, name FROM brokers_broker ORDER BY name"):
        at = [moment_of(moment) for (moment,) in rows(stack.database, "SELECT at FROM brokers_pollattempt WHERE broker_id = ? ORDER BY at", pk)]
        gap = max((later - earlier for earlier, later in pairwise(at)), default=timedelta.max).total_seconds()
        report.hold(f"longest gap between polls of {name} (interval 1 s)", f"{gap:.1f} s of {len(at)} polls", gap <= LONGEST_POLL_GAP)


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Raises RuntimeError where it does not come true."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(KeyError, TypeError):  # no answer
            if condition():
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)


def main(directory: Path, seconds: float | None, rate: float | None, seed: int, sqlite: bool = False) -> int:
    """Prints the figures; 1 if anything was not as it must be, or PostgreSQL or nginx is missing."""
    try:
        nginx()
        find_programs()
    except (RuntimeError, ServerError) as error:
        print(f"soak: many: {error}", file=sys.stderr)
        return 1
    report = many(directory, seconds, rate, seed, sqlite)
    print("\n".join(["| many processes | |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in report.figures.items())]))
    for fault in report.faults:
        print(f"  {fault}")
    return 1 if report.faults else 0
