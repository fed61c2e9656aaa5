"""The program that `script.soak_parts.notified` starts: it opens and closes findings as rounds of the rules do, and kills maintenance meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

django.setup()

from django.db import OperationalError  # noqa: E402
from django.utils import timezone  # noqa: E402

from brokers.models import Broker  # noqa: E402
from brokers.scope import EVERYTHING  # noqa: E402
from dashboard import queries, store  # noqa: E402
from dashboard.findings.lifecycle import Step  # noqa: E402
from dashboard.findings.rule import Found, Object, identity  # noqa: E402
from dashboard.models import Target  # noqa: E402
from dashboard.notifications import vault  # noqa: E402
from script.soak_parts import webhook_receiver as modes  # noqa: E402

ROOT = Path(__file__).parents[2]
END_SECONDS = 240.0
LONGEST_LIFE_SECONDS = 60.0
MOST_OPEN = 40


def main(seconds: float, seed: int) -> int:
    rng, receiver = random.Random(seed), modes.Receiver()  # noqa: S311  (a soak, repeated by its seed)
    rounds = Rounds(rng)
    target = rounds.make_target(receiver.url)
    process, kills, seen = start(), 0, 0
    ends, kill_at, mode_until = time.monotonic() + seconds, time.monotonic() + LONGEST_LIFE_SECONDS, 0.0
    while time.monotonic() < ends:
        now = time.monotonic()
        if receiver.requests.total() > seen:  # it works: it is killed within some seconds, often in the middle of a request
            seen, kill_at = 1 << 30, now + rng.uniform(0.0, 8.0)
        if now >= kill_at:
            process.kill()
            process.wait()
            process, kills, seen = start(), kills + 1, receiver.requests.total()
            kill_at = now + LONGEST_LIFE_SECONDS
        if now >= mode_until:
            receiver.mode = rng.choice((modes.TAKES, modes.TAKES, modes.FAILS, modes.HANGS, modes.CLOSES))
            mode_until = now + rng.uniform(1.0, 20.0)
        rounds.one()
        time.sleep(rng.uniform(0.05, 0.5))
    receiver.mode = modes.TAKES
    rounds.close_all()
    rounds.retry_now(target)  # as somebody does who corrects its address
    missing = wait(lambda: [title for title in rounds.titles if not (receiver.count(title, "opened") and receiver.count(title, "recovered"))])
    process.kill()
    process.wait()
    double = [title for title in rounds.titles for event in ("opened", "recovered") if receiver.count(title, event) > 1]
    print(f"{len(rounds.titles):,} findings opened and recovered, maintenance killed {kills} times; {sum(receiver.requests.values()):,} requests, of which it")
    print("  " + ", ".join(f"{mode} {count:,}" for mode, count in sorted(receiver.requests.items())))
    print(f"{len(missing)} lost, {len(double)} under two ids, {receiver.repeated} came again under the same id, in {len(receiver.messages):,} messages")
    receiver.close()
    return 1 if missing or double else 0


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "manage.py", "maintain"], cwd=ROOT)


def wait(missing: Callable[[], list[str]]) -> list[str]:
    """What is still missing after the time that everything may take to arrive."""
    deadline = time.monotonic() + END_SECONDS
    while (found := missing()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


class Rounds:
    """What the rules would store: each round opens a few findings and closes others. Of a broker that no process looks at."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self.titles = rng, list[str]()
        self.broker = Broker.objects.create(name="soak", state=Broker.UP, reason="", configured=False)

    def make_target(self, url: str) -> int:
        now = timezone.now()
        secret = vault.encrypted({"url": url, "key": "a key of the soak"})
        target = Target(name="receiver", kind=Target.WEBHOOK, secret=secret, shown=url, created_at=now, changed_at=now, group_seconds=2)
        store.save_target(target)
        return target.pk

    def one(self) -> None:
        rng = self._rng
        self._save([f"q{len(self.titles) + number}" for number in range(rng.choice((0, 0, 1, 1, 3)))], lambda open_now: rng.random() < open_now / MOST_OPEN / 4)

    def close_all(self) -> None:
        self._save([], lambda _: True)

    def _save(self, names: list[str], closes: Callable[[int], bool]) -> None:
        now = timezone.now()
        known = {one.identity: one for one in queries.open_findings(EVERYTHING, self.broker.pk)}
        steps = [Step("closed", key, None, absent_since=now) for key in known if closes(len(known))]
        for name in names:
            found = Found("growing", Object("queue", name, "/"), "critical", "is growing")
            steps.append(Step("opened", identity(found.rule, "soak", found.object), found, "critical"))
        try:
            store.save_round(self.broker, steps, known, {}, now, took_ms=1.0, rules=1, failed=[], unsure={}, bodies={})
        except OperationalError:  # locked: the next round does it
            return
        self.titles += [f"{name} is growing" for name in names]

    @staticmethod
    def retry_now(pk: int) -> None:
        target = queries.target(pk)
        if target is not None:
            store.save_target(target)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
