"""What Hareline changes in a broker by its management API: it removes its own objects, and makes the virtual hosts of the lab.

A virtual host of the lab is named `hareline.<installation id>.lab.<number>`. Limits and an operator policy bound it; what is in it goes with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from brokers import lab_names
from brokers.addresses import BrokerAddress
from brokers.errors import BrokerError, BrokerRefused, ObjectNotFound
from brokers.management.management_api import Limits, ManagementApi
from brokers.management.urls import quoted

MOST_CONNECTIONS, MOST_QUEUES = 60, 30
BOUND = {"max-length": 5_000, "max-length-bytes": 20_000_000, "expires": 3_600_000}
"""Of each queue of the lab, by an operator policy. `expires`: an hour without consumers, as where Hareline is never started again."""
_PATIENCE = Limits(connect_seconds=2.0, read_seconds=6.0, total_seconds=8.0)
MOST_SECONDS = 16.0
"""Of one step, its requests to each address of the broker included; the last that begins within it ends before the lease of the lab's process, 30 s."""
JSON = Mapping[str, Any]


def delete_queue(api: ManagementApi, vhost: str, name: str) -> None:
    """Returns once the queue is gone; ObjectNotFound if it was not there."""
    api.change("DELETE", f"/api/queues/{quoted(vhost)}/{quoted(name)}")


def delete_exchange(api: ManagementApi, vhost: str, name: str) -> None:
    api.change("DELETE", f"/api/exchanges/{quoted(vhost)}/{quoted(name)}")


def delete_vhost(api: ManagementApi, name: str) -> None:
    api.change("DELETE", f"/api/vhosts/{quoted(name)}")


class LabVhosts:
    """The virtual hosts of the lab in one broker. Errors are those of `brokers.errors`; each method is a step of MOST_SECONDS at most, then of one request."""

    def __init__(self, address: BrokerAddress, ca_file: str | None, installation: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began = clock, clock()
        self._api, self._user, self._broker = ManagementApi(address, ca_file, _PATIENCE), address.user, address.name
        self._api.before_request = self._in_time
        self.prefix = lab_names.prefix(installation)

    def found(self) -> list[str]:
        """The names of those that are there."""
        self._began = self._clock()
        return sorted(vhost.name for vhost in self._api.vhosts() if vhost.name.startswith(self.prefix))

    def make(self, name: str, definitions: JSON) -> None:
        """Makes it with its limits and what is declared in it. Raises BrokerRefused, with what the user lacks, where it may not."""
        self._began = self._clock()
        try:
            self._put(f"/api/vhosts/{quoted(name)}", {"description": "Hareline's lab, removed when the experiment ends"})
            self._put(f"/api/permissions/{quoted(name)}/{quoted(self._user)}", {"configure": ".*", "write": ".*", "read": ".*"})
            for limit, value in (("max-connections", MOST_CONNECTIONS), ("max-queues", MOST_QUEUES)):
                self._put(f"/api/vhost-limits/{quoted(name)}/{limit}", {"value": value})
            self._put(f"/api/operator-policies/{quoted(name)}/bound", {"pattern": ".*", "apply-to": "queues", "definition": BOUND})
        except BrokerRefused as error:
            lacks = f"The user {self._user} may not make virtual hosts on {self._broker}: it needs the tag administrator"
            raise BrokerRefused(f"{lacks} (rabbitmqctl set_user_tags {self._user} administrator). The broker's answer: {error}") from error
        self._declare(name, definitions)

    def replace_queues(self, name: str, gone: Sequence[str], definitions: JSON) -> None:
        """Removes these queues, with their messages and bindings, then declares."""
        self._began = self._clock()
        for queue in gone:
            try:
                delete_queue(self._api, name, queue)
            except ObjectNotFound:
                continue
        self._declare(name, definitions)

    def remove(self, name: str) -> None:
        """Returns once it is gone, also if it was not there. What is not named as the lab's is never removed."""
        if not name.startswith(self.prefix):
            raise ValueError(f"{name!r} is not a virtual host of the lab")
        self._began = self._clock()
        try:
            delete_vhost(self._api, name)
        except ObjectNotFound:
            return

    def close(self) -> None:
        self._api.close()

    def _in_time(self) -> None:
        """Raises BrokerError where a step has taken so long that its next request could outlast the lease of the lab's process."""
        if self._clock() - self._began > MOST_SECONDS:
            raise BrokerError(f"{self._broker} answers too slowly: what the lab needs there took more than {MOST_SECONDS:.0f} s")

    def _declare(self, name: str, definitions: JSON) -> None:
        """Declares what an export of definitions holds, where it is missing."""
        self._api.change("POST", f"/api/definitions/{quoted(name)}", msgspec.json.encode(definitions))

    def _put(self, path: str, body: JSON) -> None:
        self._api.change("PUT", path, msgspec.json.encode(body))
