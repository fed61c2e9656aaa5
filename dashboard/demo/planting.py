"""Starting and ending a plant: stores what a person requests, which a process of the demo then does, and records it in the audit log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from dashboard import store
from dashboard.models import User
from dashboard.people import access
from dashboard.people.audited import audited
from workers.demo.plants.catalog import PLANTS
from workers.demo.plants.protocol import PlantFiles

START, END = "start", "end"
ACTIONS = {START: "plant a problem", END: "end a planted problem"}


def files() -> PlantFiles | None:
    """where requests to the demo's processes are stored; None outside of the demo."""
    directory: Path | None = settings.PLANTS_DIR
    return None if directory is None else PlantFiles(directory)


def may_plant(user: User | AnonymousUser) -> bool:
    return access.may(user, "settings")


def plant(user: User | AnonymousUser, where: PlantFiles, key: str, action: str, now: datetime) -> bool:
    """Requests one of ACTIONS for a plant of the catalog. False if this person may not. Raises OSError if it can't be stored."""
    allowed = may_plant(user)
    if not allowed:
        store.audit(user, ACTIONS[action], store.REFUSED, now, name=PLANTS[key].name, detail={"plant": key})
        return False
    with audited(user, ACTIONS[action], name=PLANTS[key].name, plant=key):
        if action == START:
            where.want(key, user.get_username(), now.timestamp())
        else:
            where.end(key)
    return True
