"""The only writer of accounts, roles and what is granted to whom.

Each function is one transaction, and none leaves Hareline without an active person who may manage people everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from django.contrib.auth.models import Group
from django.db import transaction

from dashboard import queries
from dashboard.models import Granted, Invitation, Role, User
from dashboard.people.access import ROLES, Action


class LastManager(Exception):
    """It would leave nobody who may manage people; `str()` is a sentence for people."""


@contextmanager
def keeping_a_manager() -> Iterator[None]:
    """A transaction that is rolled back with LastManager where it takes the last manager away. One after the other: two that each take one of the last two
    away would each see the other one's."""
    with transaction.atomic():
        Group.objects.select_for_update().get_or_create(name="admin")
        yield
        if not queries.managers():
            raise LastManager("Somebody must remain who may manage people everywhere: give another person the role admin first.")


def add_person(name: str, password: str | None, connect: Callable[[User], None] = lambda _: None) -> User:
    """A new person, who may do nothing yet; without a password they can't log in. `connect` stores in the same transaction by what else they do.
    Raises IntegrityError if the name is taken."""
    with transaction.atomic():
        person: User = User.objects.create_user(name, password=password)
        connect(person)
    return person


def set_password(user: User, password: str) -> None:
    """The new password ends their other sessions, and the link by which they could set one."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        forget_invitation(user)


def forget_invitation(user: User) -> None:
    """The link by which the person could set a password no longer works."""
    Invitation.objects.filter(user=user).delete()


def set_active(user: User, active: bool) -> None:
    """A person who is disabled is logged out everywhere, and neither their tokens nor their link work. Raises LastManager."""
    with keeping_a_manager():
        User.objects.filter(pk=user.pk).update(is_active=active)
        if not active:
            forget_invitation(user)


def grant(user: User, role: str, now: datetime, *, broker: str = "", vhost: str = "", queue: str = "", source: str = "") -> Granted:
    """The role in a place, "" being all of it; granted once, however often. Raises Role.DoesNotExist for a role that nobody made."""
    with transaction.atomic():
        found, _ = Granted.objects.get_or_create(user=user, role=_role(role), broker=broker, vhost=vhost, queue=queue, source=source, defaults={"at": now})
        user.groups.add(found.role.group)
    return found


def take_back(granted: Granted) -> None:
    """Raises LastManager."""
    with keeping_a_manager():
        Granted.objects.filter(pk=granted.pk).delete()
        if not Granted.objects.filter(user_id=granted.user_id, role_id=granted.role_id).exists():
            granted.user.groups.remove(granted.role_id)
        if granted.user.is_superuser and granted.role.group.name == "admin":
            User.objects.filter(pk=granted.user_id).update(is_superuser=False)


def synchronize(user: User, source: str, places: Collection[tuple[str, str, str, str]], now: datetime) -> list[str]:
    """Makes (role, broker, vhost, queue) all that the source gives the person; the names of the roles they then have from there.

    Left out: a role that nobody made, and taking the last manager away.
    """
    known = {place for place in places if place[0] in queries.role_names()}
    for role, broker, vhost, queue in sorted(known):
        grant(user, role, now, broker=broker, vhost=vhost, queue=queue, source=source)
    for granted in Granted.objects.filter(user=user, source=source):
        if (granted.role.group.name, granted.broker, granted.vhost, granted.queue) not in known:
            with suppress(LastManager):
                take_back(granted)
    return sorted({granted.role.group.name for granted in Granted.objects.filter(user=user, source=source)})


def save_role(name: str, actions: Collection[Action]) -> Role:
    """A role of one's own, made or changed for everybody who has it. Raises ValueError for one that is always there, LastManager."""
    if name in ROLES:
        raise ValueError(f"the role {name} is always there and can't be changed")
    with keeping_a_manager():
        group, _ = Group.objects.get_or_create(name=name)
        return Role.objects.update_or_create(group=group, defaults={"actions": sorted(actions)})[0]


def remove_role(name: str) -> None:
    """Takes it back from everybody who has it. Raises ValueError for one that is always there, LastManager."""
    if name in ROLES:
        raise ValueError(f"the role {name} is always there and can't be removed")
    with keeping_a_manager():
        Group.objects.filter(name=name, role__isnull=False).delete()


def _role(name: str) -> Role:
    if name not in ROLES:
        return Role.objects.select_related("group").get(group__name=name)
    group, _ = Group.objects.get_or_create(name=name)
    return Role.objects.get_or_create(group=group, defaults={"actions": sorted(ROLES[name])})[0]
