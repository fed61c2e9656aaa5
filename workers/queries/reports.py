"""What workers reported of their application, for what compares many of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import TextField
from django.db.models.functions import Cast

from workers.models import Worker

AT_ONCE = 500
Report = tuple[int, str, str, datetime | None, Any, Any, Any]
"""(primary key, virtual host, host name, when its configuration was received, configuration, queues, registered tasks)."""


def reports(ids: Iterable[int], read: dict[str, Any] | None = None) -> list[Report]:
    """In the order of their keys; equal texts are read once, and are then the same object. `read`: what texts mean, kept by the caller."""
    ids, read, found = list(ids), {} if read is None else read, []
    texts = {f"{name}_text": Cast(name, TextField()) for name in ("configuration", "queues", "registered")}
    for start in range(0, len(ids), AT_ONCE):
        rows = Worker.objects.filter(pk__in=ids[start : start + AT_ONCE]).order_by("pk").annotate(**texts)
        for pk, vhost, hostname, at, *values in rows.values_list("pk", "vhost", "hostname", "configuration_at", *texts):
            for text in values:
                if text is not None and text not in read:
                    read[text] = msgspec.json.decode(text)
            configuration, queues, registered = (None if text is None else read[text] for text in values)
            found.append((pk, vhost, hostname, at, configuration, queues, registered))
    return found
