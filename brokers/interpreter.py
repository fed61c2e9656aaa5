"""How Python itself runs the long-running processes: how often it looks for garbage in cycles, and how soon a thread gets its turn."""

from __future__ import annotations

import gc
import sys

TURN_SECONDS = 0.001
FEW_OBJECTS, MIDDLE_AFTER, OLD_AFTER = 2_000, 50, 200


def look_for_no_garbage() -> None:
    """To be called before everything is imported, which makes hardly any: looking for it took the web process a quarter of its start."""
    gc.disable()


def look_for_garbage_rarely() -> None:
    """To be called once everything is imported. Neither thousands of events a second, nor polls, nor rules make cycles: looking for them cost the receiver a
    fifth of its time, and a poll of ten thousand queues up to a tenth of a second whenever every object was looked at."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)


def shorten_turns() -> None:
    """Where one thread has to be quick beside others that compute for long, as that of depths beside that of the inventory: each of its many statements waits
    until it gets the interpreter back, by default up to 5 ms."""
    sys.setswitchinterval(TURN_SECONDS)


def look_for_garbage_now() -> None:
    """To be called between requests: what a page leaves in cycles is some hundred objects, and looking at twenty thousand within one took it 10 ms, each
    thirtieth page. The older generations are looked at as often as `look_for_garbage_rarely` would."""
    young, middle, old = gc.get_count()
    if young >= FEW_OBJECTS:
        gc.collect(2 if old > OLD_AFTER else 1 if middle > MIDDLE_AFTER else 0)
