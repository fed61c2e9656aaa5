"""Storing users and what they may do, and what changed of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from brokers.diff import ChangeText, folded
from brokers.models import Broker, Permission
from brokers.store.changes import save_changes
from brokers.store.rows import replace_rows
from brokers.topology import WritePermission

_FIELDS = WritePermission.__struct_fields__
_Key = tuple[str, str, str | None]


def save_permissions(
    broker_id: int, permissions: Sequence[WritePermission] | None, users: Mapping[str, Sequence[str]] | None = None, now: datetime | None = None,
    other_passwords: Mapping[str, bool] | None = None,
) -> None:  # fmt: skip
    """Stores the permissions of every virtual host, and {user: tags}; None: they cannot be read, and earlier ones are no longer valid. With `now`, also what
    changed since they were last known. `other_passwords`: users whose password was changed, to whether they have one."""
    with transaction.atomic():
        row = Broker.objects.get(pk=broker_id)
        if now is not None and row.permissions_known and permissions is not None:
            found = _permission_changes(broker_id, permissions)
            found += [] if users is None or row.users is None else user_changes(row.users, users, other_passwords or {})
            save_changes(broker_id, found, now, row.permissions_at)
        replace_rows(Permission, broker_id, permissions or (), _FIELDS)
        kept = None if permissions is None or users is None else dict(sorted(users.items()))
        Broker.objects.filter(pk=broker_id).update(permissions_known=permissions is not None, users=kept)


def note_permissions_read(broker_id: int, now: datetime) -> None:
    """They were read, whether they had changed or not."""
    Broker.objects.filter(pk=broker_id).update(permissions_at=now)


def user_changes(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]], other_passwords: Mapping[str, bool]) -> list[ChangeText]:
    """
    >>> [change.text for change in user_changes({"ann": ["management"]}, {"ann": [], "bob": ["administrator"]}, {})]
    ['User bob added, with the tags administrator', 'User ann has no tags any more, before management']
    """

    def tags(found: Sequence[str]) -> str:
        return ", ".join(sorted(found))

    changes = [
        ChangeText("user", "added", "", name, f"User {name} added, {f'with the tags {tags(after[name])}' if after[name] else 'without tags'}", None,
                   {"tags": list(after[name])})
        for name in sorted(after.keys() - before.keys())
    ]  # fmt: skip
    changes += [ChangeText("user", "gone", "", name, f"User {name} deleted", {"tags": list(before[name])}) for name in sorted(before.keys() - after.keys())]
    for name in sorted(before.keys() & after.keys()):
        if sorted(before[name]) != sorted(after[name]):
            was = f", before {tags(before[name]) or 'none'}"
            text = f"User {name} has the tags {tags(after[name])}{was}" if after[name] else f"User {name} has no tags any more{was}"
            changes.append(ChangeText("user", "changed", "", name, text, {"tags": list(before[name])}, {"tags": list(after[name])}))
        if name in other_passwords:
            changes.append(ChangeText("user", "changed", "", name, f"User {name} has {'another' if other_passwords[name] else 'no'} password"))
    return folded("user", changes, "", "users changed")


def _permission_changes(broker_id: int, permissions: Iterable[WritePermission]) -> list[ChangeText]:
    rows = Permission.objects.filter(broker_id=broker_id).values_list(*_FIELDS)
    was = {(one.vhost, one.user, one.exchange): one for one in (WritePermission(*values) for values in rows)}
    now = {(one.vhost, one.user, one.exchange): one for one in permissions}
    by_vhost: dict[str, list[ChangeText]] = {}
    for key in sorted(was.keys() | now.keys(), key=lambda key: (key[0], key[1], key[2] or "")):
        if (change := _permission_change(key, was.get(key), now.get(key))) is not None:
            by_vhost.setdefault(key[0], []).append(change)
    return [change for vhost, found in by_vhost.items() for change in folded("permission", found, vhost, f"permissions changed in {vhost}")]


def _permission_change(key: _Key, was: WritePermission | None, now: WritePermission | None) -> ChangeText | None:
    vhost, user, exchange = key
    of = f"user {user} on {vhost}" + (f", keys of {exchange}" if exchange is not None else "")
    if was is None or now is None:
        what, verb = ("added", "granted to") if was is None else ("gone", "taken from")
        return ChangeText("permission", what, vhost, user, f"Permissions {verb} {of}", _patterns(was), _patterns(now))
    differing = [name for name in ("configure", "write", "read") if getattr(was, name) not in (None, getattr(now, name))]
    if not differing:
        return None
    parts = ", ".join(f"{name} {getattr(now, name) or 'nothing'} instead of {getattr(was, name) or 'nothing'}" for name in differing)
    return ChangeText("permission", "changed", vhost, user, f"Permissions of {of} changed: {parts}", _patterns(was), _patterns(now))


def _patterns(one: WritePermission | None) -> dict[str, Any] | None:
    if one is None:
        return None
    exchange = {} if one.exchange is None else {"exchange": one.exchange}
    return exchange | {name: getattr(one, name) for name in ("configure", "write", "read") if getattr(one, name) is not None}
