"""The process of the demo that does what persons planted on the page: a thread a plant, and their states written every second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from workers.demo.plants.protocol import PlantState
from workers.demo.plants.site import TICK_SECONDS, Site
from workers.demo.plants.work import AT_START, REMAINS, WORK, Work

WRITE_SECONDS = 1.0
END_SECONDS = 6.0
"""For all plants together when the demo ends: less than the supervisor's patience."""
CLEAN_SECONDS = 120.0
"""So long what a failed plant left is tried to be removed, as while the broker is away."""
RESTARTED = "The process that does it was started again; the plant was ended."

log = logging.getLogger("demo")


class Growing:
    """A plant that was started: a thread that goes through its work until it is ended or fails."""

    def __init__(self, key: str, work: Work, site: Site) -> None:
        self.state = PlantState("starting", time.time())
        self._key, self._work, self._site = key, work, site
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"plant-{key}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            if self.state.state != "failed":
                self.state = PlantState("ending", time.time())

    def join(self, seconds: float) -> None:
        self._thread.join(max(0.0, seconds))

    def _run(self) -> None:
        doing = self._work(self._site)
        try:
            next(doing)
            if not self._ended.is_set():
                self.state = PlantState("on", time.time())
            while not self._ended.wait(TICK_SECONDS):
                next(doing)
            doing.close()
            self.state = PlantState("off", time.time())
        except Exception as error:  # whatever it is, a person sees it on the page
            log.warning("the plant %s failed", self._key, exc_info=True)
            self.state = PlantState("failed", time.time(), f"{_sentence(error)}{self._left()}")

    def _left(self) -> str:
        """Removes what the failed plant left; what to say where that fails too."""
        if self._key not in REMAINS:
            return ""
        self.state = PlantState("ending", time.time())
        deadline = time.monotonic() + CLEAN_SECONDS
        while True:
            try:
                REMAINS[self._key](self._site)
            except Exception as error:  # noqa: BLE001  (as above)
                if time.monotonic() > deadline:
                    return f" What it left could not be removed: {_sentence(error)}"
                time.sleep(1)
            else:
                return ""


class Plants:
    """All of a demo. `work` is what each does, by key."""

    def __init__(self, site: Site, work: Mapping[str, Work] = WORK) -> None:
        self._site, self._work = site, work
        self._started: dict[str, Growing] = {}
        self._states = {key: PlantState() for key in work}
        self._written: tuple[float, dict[str, PlantState]] = (0.0, {})
        for key in site.files.wanted():
            site.files.end(key)
            if key in work:
                self._states[key] = PlantState("failed", time.time(), RESTARTED)

    def round(self) -> None:
        """Starts what is wanted and ends what is no longer; writes the states where one changed, and every second."""
        wanted = self._site.files.wanted()
        for key, plant in list(self._started.items()):
            if key not in wanted:
                plant.end()
            self._states[key] = plant.state
            if self._states[key].state in ("off", "failed"):  # the last thing that its thread sets
                del self._started[key]
                if self._states[key].state == "failed":
                    self._site.files.end(key)
                    wanted.pop(key, None)  # or it would be started again at once
        for key in wanted:
            if key in self._work and key not in self._started and self._states[key].state in ("off", "failed"):
                self._started[key] = Growing(key, self._work[key], self._site)
                self._states[key] = PlantState("starting", time.time())
        self._write()

    def stop(self) -> None:
        """Ends all of them."""
        deadline = time.monotonic() + END_SECONDS
        for plant in self._started.values():
            plant.end()
        for key, plant in self._started.items():
            plant.join(deadline - time.monotonic())
            self._states[key] = plant.state
            self._site.files.end(key)
        self._write()

    def _write(self) -> None:
        at, before = self._written
        if self._states != before or time.time() - at >= WRITE_SECONDS:
            self._written = (time.time(), dict(self._states))
            self._site.files.write_state(self._states, time.time())


def clean(site: Site, removes: Iterable[Callable[[Site], None]] = AT_START) -> None:
    """Removes what earlier plants may have left. What fails is logged."""
    for remove in removes:
        try:
            remove(site)
        except Exception:
            log.warning("what an earlier plant left could not be removed", exc_info=True)


def remains(site: Site) -> list[Callable[[Site], None]]:
    """What removes all that earlier plants may have left: more where some are still wanted, since their process was killed."""
    return [*AT_START, *(REMAINS[key] for key in site.files.wanted() if key in REMAINS)]


def run(site: Site, ended: threading.Event) -> None:
    """Returns once `ended`, with every plant ended."""
    clean(site, remains(site))
    plants = Plants(site)
    try:
        while not ended.wait(TICK_SECONDS):
            plants.round()
    finally:
        plants.stop()


def _sentence(error: Exception) -> str:
    text = str(error).strip().rstrip(".") or type(error).__name__
    return f"{text[:1].upper()}{text[1:][:300]}."
