"""The arguments of tasks that events do not prove, from the result backend that HARELINE_RESULTS_<NAME> names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings

from workers.models import Task
from workers.results.addresses import EVERY_VHOST
from workers.results.extended import read_arguments
from workers.sending.described_arguments import Described, described

MOST = 100


def looked_up(tasks: Sequence[Task]) -> Mapping[str, Described]:
    """{uuid: its arguments} of those tasks of one virtual host that are not known in full otherwise, as far as the backend has them; of the first 100 alone."""
    wanted = [task for task in tasks if not task.arguments_hidden and described(task.args, task.kwargs).why][:MOST]
    if not wanted:
        return {}
    places = settings.RESULTS.get(wanted[0].broker.name, {})
    address = places.get(wanted[0].vhost) or places.get(EVERY_VHOST)
    if address is None:
        return {}
    found = read_arguments(address, [task.uuid for task in wanted], settings.REDACTION, settings.CA_FILE)
    return {uuid: one for uuid, one in found.items() if not one.why}
