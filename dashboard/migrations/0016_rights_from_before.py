"""Who could log in before there were roles keeps what they had: everybody could view everything. Sessions from before are ended, since no page lists them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

ROLES_CAME = ("dashboard", "0010_people")


def keep_rights(apps: Any, schema_editor: Any) -> None:
    """The role viewer everywhere for each active person who was there before roles and has none: not for who was given none since."""
    database = schema_editor.connection
    recorder = MigrationRecorder(database)
    came = recorder.migration_qs.filter(app=ROLES_CAME[0], name=ROLES_CAME[1]).values_list("applied", flat=True).first() or timezone.now()
    people = apps.get_model(settings.AUTH_USER_MODEL)._default_manager.using(database.alias)
    for person in list(people.filter(is_active=True, is_superuser=False, date_joined__lt=came, granted__isnull=True)):
        group, _ = apps.get_model("auth", "Group")._default_manager.using(database.alias).get_or_create(name="viewer")
        role, _ = apps.get_model("dashboard", "Role")._default_manager.using(database.alias).get_or_create(group=group, defaults={"actions": ["view"]})
        apps.get_model("dashboard", "Granted")._default_manager.using(database.alias).create(user=person, role=role, at=timezone.now())
        person.groups.add(group)


def end_unlisted_sessions(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    listed = apps.get_model("usersessions", "UserSession")._default_manager.using(alias).values("session_key")
    apps.get_model("sessions", "Session")._default_manager.using(alias).exclude(session_key__in=listed).delete()


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0015_silence_kind"), ("sessions", "0001_initial"), ("usersessions", "0001_initial")]

    operations = [
        migrations.RunPython(keep_rights, migrations.RunPython.noop),
        migrations.RunPython(end_unlisted_sessions, migrations.RunPython.noop),
    ]
