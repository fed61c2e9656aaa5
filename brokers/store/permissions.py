"""Storing what users may write to."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from brokers.models import Broker, Permission
from brokers.store.rows import replace_rows
from brokers.topology import WritePermission


def save_permissions(broker_id: int, permissions: Sequence[WritePermission] | None) -> None:
    """Stores the permissions of every virtual host; None: they cannot be read, and earlier ones are no longer valid."""
    with transaction.atomic():
        replace_rows(Permission, broker_id, permissions or (), WritePermission.__struct_fields__)
        Broker.objects.filter(pk=broker_id).update(permissions_known=permissions is not None)
