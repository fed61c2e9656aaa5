"""Watches the workers of one broker: a `VhostWatch` for each virtual host that has exchanges of Celery, and the samples for sparklines.

Of several processes one leads at a broker (the lease): it notes what is found there and samples. The virtual hosts are spread over all of them
(`brokers.polling.share`), each by a lease of its own. A thread that dies is noticed, logged and started again.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
import structlog
from django.db import DatabaseError, connection

from brokers import database_damage
from brokers import queries as broker_queries
from brokers.addresses import BrokerAddress
from brokers.polling import leases
from brokers.polling.share import LOOK_SECONDS, Share
from brokers.process_runner import END_SECONDS
from brokers.scope import EVERYTHING
from brokers.stats import Listener
from brokers.thread_failures import ThreadFailures
from workers import celery_names, queries, store
from workers.celery_names import CeleryNames
from workers.receiving.definition_watches import DefinitionWatches
from workers.receiving.place import Place
from workers.receiving.place_finder import PlaceFinder
from workers.receiving.vhost_watch import VhostWatch
from workers.results.addresses import EVERY_VHOST, ResultsAddress

log = structlog.get_logger(__name__)

ROUND_SECONDS = 2.0
SAMPLE_SECONDS = 5.0
LEASE_SECONDS = 15.0
SHARED = "events "  # how the names of the leases of virtual hosts begin


class Allowed(msgspec.Struct, frozen=True):
    receives_events: bool
    inspects: bool


class BrokerWatch:
    """Runs until stopped. `standing_by` while it has no lease of the broker. Without a `share` whoever leads watches every virtual host."""

    def __init__(
        self,
        address: BrokerAddress,
        broker_id: int,
        installation: str,
        allowed: Allowed,
        holder: str,
        ca_file: str | None = None,
        names: Mapping[str, CeleryNames] | None = None,
        share: Share | None = None,
        results: Mapping[str, ResultsAddress] | None = None,
    ) -> None:
        self.address, self.broker_id, self.holder = address, broker_id, holder
        self.standing_by = False
        self.due_at = time.monotonic()
        self._installation, self._allowed, self._ca_file = installation, allowed, ca_file
        self._finder = PlaceFinder(broker_id, address.name, names or {})
        self._stopped, self._due = threading.Event(), threading.Event()
        self._share, self._results = share, results or {}
        self._held: set[str] = set()  # leases, as of the last round
        self._waits = False  # for one that is another process's still
        self._watches: dict[Place, tuple[VhostWatch, threading.Thread]] = {}
        self._ending: dict[str, threading.Thread] = {}  # by virtual host: stopped, and not ended in time
        self._failures: dict[str, ThreadFailures] = defaultdict(ThreadFailures)  # by virtual host
        self._faults: dict[str, str] = {}  # as stored
        self._sampler = store.Sampler(broker_id, SAMPLE_SECONDS)
        self._next_sample = 0.0
        self._definitions = DefinitionWatches(address, broker_id, installation, allowed.receives_events, ca_file)
        self._leased_until = 0.0

    @property
    def _lease(self) -> str:
        return f"receive {self.address.name}"

    def stop(self) -> None:
        """From any thread."""
        self._stopped.set()
        self._due.set()

    def run(self) -> None:
        """Returns once stopped and its threads have ended, or could not within END_SECONDS; the lease is free then."""
        while not self._stopped.is_set():
            self.due_at = time.monotonic()
            try:
                self._round()
                database_damage.passed(self._lease)
            except DatabaseError as error:
                database_damage.note(error, self._lease)
                log.error("watch_round_lost", broker=self.address.name, reason=str(error))
                connection.close()
            except Exception:
                log.exception("watch_round_failed", broker=self.address.name)
            if time.monotonic() > self._leased_until:
                self._end(list(self._watches))  # another process may have begun
                self._definitions.end()
            self._due.wait(LOOK_SECONDS if self._waits else ROUND_SECONDS)
            self._due.clear()
        self._definitions.stop()
        try:
            self._end(list(self._watches))
            self._definitions.end()
            held = self._held
            self._note_held(set())
            for name in {*held, self._lease}:
                leases.release(name, self.holder)
        except DatabaseError as error:
            log.warning("lease_not_freed", broker=self.address.name, reason=str(error))
        finally:
            connection.close()

    def _round(self) -> None:
        now, requested_at = datetime.now(UTC), time.monotonic()
        leads = leases.take(self._lease, self.holder, now, LEASE_SECONDS)
        yields = self._yields(leads)
        places = [] if yields else self._places(now, leads)
        held = self._hold(places, now)
        self.standing_by = not (leads or held)
        self._leased_until = requested_at + LEASE_SECONDS - ROUND_SECONDS
        wanted = [place for place in places if self._share is None or self._name(place.vhost) in held]
        unwanted = [place for place in self._watches if place not in wanted]
        self._end(unwanted)
        self._give_up(held | ({self._lease} if leads else set()))
        for vhost in set() if yields else {place.vhost for place in unwanted} - {place.vhost for place in places}:
            store.note_unwatched(self.broker_id, vhost, self._why_unwatched(), now)
        for place in wanted:
            self._keep(place, now)
        if leads:
            self._lead(now, {place.vhost for place in places})
        else:
            self._definitions.end()

    def _yields(self, leads: bool) -> bool:
        """True if another process does all of the work here: without a share whoever leads, and one of an older version, which spreads nothing."""
        return not leads and (self._share is None or self._share.is_older(self._lease))

    def _hold(self, places: Sequence[Place], now: datetime) -> set[str]:
        """The leases of virtual hosts that are ours, and stay so for LEASE_SECONDS."""
        if self._share is None:
            return set()
        names = {self._name(place.vhost) for place in places}
        self._share.offer(self.address.name, names, self._due.set)
        permitted = {name for name in names if self._share.permits(name)}
        held = leases.take_all(permitted, self.holder, now, LEASE_SECONDS)
        self._waits = held != permitted
        return held

    def _give_up(self, held: set[str]) -> None:
        """Frees what is another one's share now, once what its thread has received is stored: the next one begins with what is stored."""
        ending = {self._name(vhost) for vhost, thread in self._ending.items() if thread.is_alive()}
        given_up = self._held - held - ending
        self._note_held(held | (self._held & ending))
        for name in given_up:
            leases.release(name, self.holder)

    def _note_held(self, held: set[str]) -> None:
        for name in sorted(held ^ self._held):
            log.info("lease_taken" if name in held else "lease_not_ours", lease=name)
        self._held = held

    def _name(self, vhost: str) -> str:
        return f"{SHARED}{quote(self.address.name)} {vhost}"

    def _lead(self, now: datetime, watched: Collection[str]) -> None:
        self._drop_lost_virtual_hosts(now, watched)
        broker = broker_queries.broker_by_id(EVERYTHING, self.broker_id)
        if broker is not None and not broker.same_as:
            self._definitions.keep(tuple(msgspec.convert(broker.listeners, list[Listener])))
        else:
            self._definitions.end()
        if time.monotonic() >= self._next_sample:
            self._next_sample = max(self._next_sample + SAMPLE_SECONDS, time.monotonic() + SAMPLE_SECONDS / 2)
            self._sampler.save(queries.all_workers(self.broker_id), now)

    def _keep(self, place: Place, now: datetime) -> None:
        """Starts the watch if it does not run, and notes it on the source where it ends again and again.

        Not while the one before still ends: what that one is about to store, the next one must have read.
        """
        if place.vhost in self._ending:
            if self._ending[place.vhost].is_alive():
                return
            del self._ending[place.vhost]
        watch, failures = self._watches.get(place), self._failures[place.vhost]
        if watch is None or not watch[1].is_alive():
            if watch is not None and not watch[0].superseded:
                failures.note(now, watch[0].failure)
                log.error("watch_died", broker=self.address.name, vhost=place.vhost, error=watch[0].failure)
            self._begin(place)
        story = failures.story(now)
        fault = f"Hareline’s thread that receives its events {story}; the log has the error" if story else ""
        if fault != self._faults.get(place.vhost):
            store.note_fault(self.broker_id, place.vhost, fault, failures.since(now))
            self._faults[place.vhost] = fault

    def _places(self, now: datetime, leads: bool = True) -> list[Place]:
        """The virtual hosts with exchanges of Celery, as the last poll saw them. If the broker is down those are the ones before. Whoever leads notes
        them."""
        broker = broker_queries.broker_by_id(EVERYTHING, self.broker_id)
        if broker is None or broker.same_as:
            return []
        nodes = max(1, len(broker_queries.nodes(EVERYTHING, self.broker_id)))
        places, listeners = [], tuple(msgspec.convert(broker.listeners, list[Listener]))
        for vhost, found in sorted(self._finder.found().items()):
            hint = celery_names.hint(found.unwatched, self._finder.variable, vhost)
            if found.names is None:
                if leads:
                    store.note_look_alikes(self.broker_id, vhost, hint, now)
                continue
            if leads:
                store.note_names(self.broker_id, vhost, found.names, hint, now)
            may = (self._allowed.receives_events, self._allowed.inspects)
            results = self._results.get(vhost) or self._results.get(EVERY_VHOST)
            places.append(Place(self.address, self.broker_id, vhost, self._installation, *may, listeners, self._ca_file, found.names, nodes, results))
        return places

    def _why_unwatched(self) -> str:
        broker = broker_queries.broker_by_id(EVERYTHING, self.broker_id)
        if broker is not None and broker.same_as:
            return f"its broker is the same cluster as {broker.same_as}, where its events are received"
        return "Celery’s exchanges are gone, so nothing of workers can be received"

    def _drop_lost_virtual_hosts(self, now: datetime, watched: Collection[str]) -> None:
        living = {found.name for found in broker_queries.virtual_hosts(EVERYTHING, self.broker_id)}
        for source in queries.event_sources(EVERYTHING, self.broker_id):
            if self._share is not None and self._share.holder_of(self._name(source.vhost)) not in (None, self.holder):
                continue  # its watch is about to end
            if source.vhost not in watched and living and source.vhost not in living:
                store.mark_gone(self.broker_id, source.vhost, "its virtual host is gone from the broker", now)
                store.remove_source(self.broker_id, source.vhost)

    def _begin(self, place: Place) -> None:
        watch = VhostWatch(place)
        thread = threading.Thread(target=_logged, args=(watch,), name=f"receive {place.address.name} {place.vhost}", daemon=True)
        self._watches[place] = (watch, thread)
        thread.start()

    def _end(self, places: Sequence[Place]) -> None:
        ending = [self._watches.pop(place) for place in places]
        for watch, _ in ending:
            watch.stop()
        deadline = time.monotonic() + END_SECONDS
        for watch, thread in ending:
            thread.join(max(deadline - time.monotonic(), 0))
            if thread.is_alive():  # the database or the broker lets it wait
                self._ending[watch.place.vhost] = thread


def _logged(watch: VhostWatch) -> None:
    try:
        watch.run()
    except Exception as error:
        watch.failure = type(error).__name__
        log.exception("watch_failed", broker=watch.place.address.name, vhost=watch.place.vhost)
