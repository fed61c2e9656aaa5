"""What can be done with several tasks of the list at once. Each act is a page of its own, to which the form of the list posts what is selected:
`uuid` several times, or `all` with the list's `q`; and `broker` and `vhost` where the list shows one."""

from __future__ import annotations

import msgspec

from dashboard.layout.named_addresses import address_of
from dashboard.people.access import Action, Rights


class BulkAct(msgspec.Struct, frozen=True):
    """A button below which tasks can be selected; `route` is the name of the page that it posts to, `needs` the right that shows it."""

    words: str
    route: str
    needs: Action
    icon: str = ""

    @property
    def address(self) -> str:
        return address_of(self.route)


ACTS: tuple[BulkAct, ...] = (
    BulkAct("Export…", "task_export", "view", "download"),
    BulkAct("Run again…", "task_again", "send", "repeat"),
    BulkAct("Revoke…", "task_revoke", "revoke", "x"),
)


def acts_for(rights: Rights) -> list[BulkAct]:
    """Those that somebody may do somewhere; where exactly, the page of the act checks for each task."""
    return [act for act in ACTS if rights.may_somewhere(act.needs)]
