"""Starting, changing and stopping an experiment for a person: whether they may, what is stored for the lab's process, and the entry in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from brokers import queries as broker_queries
from brokers.lab_names import prefix
from dashboard import store
from dashboard.layout import amqp_targets, formatting
from dashboard.models import LabExperiment, User
from dashboard.people import access
from dashboard.people.audited import audited
from workers.lab.catalog import PATTERNS
from workers.lab.knobs import Knobs

START, CHANGE, STOP, PROLONG = "start an experiment", "change an experiment", "stop an experiment", "prolong an experiment"


def own_prefix() -> str:
    """How the names of the lab's virtual hosts of this installation begin."""
    return prefix(broker_queries.installation_id() or "unknown")


def why_not(user: User | AnonymousUser, broker: str) -> str:
    """Why this person can't run experiments there, as a sentence; "" if they can."""
    if not access.may(user, "control", broker, own_prefix()):
        return f"You can view, but not run experiments: your role does not allow changing worker nodes of {broker} in all of its virtual hosts."
    if broker not in settings.LAB:
        return f"The lab is off on {broker}. To allow it, name the broker in HARELINE_LAB: HARELINE_LAB={broker}, or * for all."
    return ""


def unsuitable(broker: str, pattern: str) -> str:
    """Why a pattern can't run on this broker, as a sentence; "" if it can: machines of the five arrangements are addresses of this machine."""
    address = amqp_targets.address(broker)
    if pattern != "arrangements" or address is None:
        return ""
    at = urlsplit(address.amqp_url or address.urls[0])
    if at.scheme == "amqps":
        return f"{PATTERNS[pattern].name} can’t run on {broker}: with TLS its machines are not addresses of the broker’s machine."
    if (at.hostname or "") == "localhost" or (at.hostname or "").startswith("127."):
        return ""
    if at.hostname == "::1":
        return f"{PATTERNS[pattern].name} can’t run on {broker}: its machines are the addresses 127.0.0.1 to 127.0.0.3, and the broker is reached at [::1]."
    return (
        f"{PATTERNS[pattern].name} can’t run on {broker}: its machines are the addresses 127.0.0.1 to 127.0.0.3, so the broker has to be on Hareline’s machine."
    )


def note_refusal(user: User | AnonymousUser, action: str, broker: str, name: str, why: str, now: datetime) -> None:
    store.audit(user, action, store.REFUSED, now, broker=broker[:200], name=name[:500], detail={"reason": why})


def start(user: User | AnonymousUser, broker: str, pattern: str, now: datetime) -> LabExperiment | str:
    """What the lab's process is to run, or why it can't run this, or no more."""
    knobs = _stored(PATTERNS[pattern].defaults)
    with audited(user, START, broker=broker, name=PATTERNS[pattern].name, pattern=pattern) as act:
        if why := unsuitable(broker, pattern):
            act.failed(why)
            return why
        try:
            made = store.begin_experiment(user, broker, broker_queries.installation_id() or "unknown", pattern, knobs, now)
        except store.LabFull as error:
            first = f"ends by itself in {formatting.duration(error.ends_at - now)}" if error.ends_at > now else "is being removed"
            why = f"{store.MOST_EXPERIMENTS} experiments run already, the most that run at once: the first {first}."
            act.failed(why)
            return why
        act.detail |= {"experiment": made.pk, "vhost": made.vhost}
    return made


def change(user: User | AnonymousUser, found: LabExperiment, knobs: Knobs) -> bool:
    """False where the experiment has ended."""
    after = _stored(knobs)
    changed = {name: value for name, value in after.items() if found.knobs.get(name) != value}
    with audited(user, CHANGE, broker=found.broker, vhost=found.vhost, name=PATTERNS[found.pattern].name, experiment=found.pk, knobs=changed) as act:
        done = bool(changed) and store.change_experiment(found.pk, after)
        if not done:
            act.unchanged()
    return done


def stop(user: User | AnonymousUser, found: LabExperiment) -> None:
    with audited(user, STOP, broker=found.broker, vhost=found.vhost, name=PATTERNS[found.pattern].name, experiment=found.pk) as act:
        if not store.stop_experiment(found.pk, user.get_username()):
            act.unchanged()


def prolong(user: User | AnonymousUser, found: LabExperiment) -> None:
    with audited(user, PROLONG, broker=found.broker, vhost=found.vhost, name=PATTERNS[found.pattern].name, experiment=found.pk) as act:
        ends_at = store.prolong_experiment(found.pk)
        if ends_at is None:
            act.unchanged()
        else:
            act.detail["ends_at"] = ends_at.isoformat()


def knobs_of(found: LabExperiment) -> Knobs:
    known: Mapping[str, object] = found.knobs
    return msgspec.convert(known, Knobs)


def _stored(knobs: Knobs) -> dict[str, object]:
    """As JSON, with lists for tuples, so that what is read back is equal."""
    found: dict[str, object] = msgspec.json.decode(msgspec.json.encode(knobs))
    return found
