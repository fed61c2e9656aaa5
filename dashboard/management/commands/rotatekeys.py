"""`manage.py rotatekeys`: encrypts anew what is stored encrypted, by the first key of HARELINE_SECRETS_KEY."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dashboard import encryption, store
from dashboard.layout.formatting import count
from dashboard.notifications.targets import rotate_secrets, unreadable_targets
from dashboard.operations.database_state import refuse_unprepared
from dashboard.people import origin
from dashboard.people.origin import Origin
from dashboard.store.second_factors import encrypt_anew


class Command(BaseCommand):
    help = "Encrypts what is secret of targets and second factors by the first key of HARELINE_SECRETS_KEY; fails where no key decrypts a target."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unprepared()
        changed, unreadable = rotate_secrets(), unreadable_targets()
        factors = encrypt_anew(encryption.rotated)
        with origin.of(Origin(via=origin.COMMAND)):
            detail = {"targets": changed, "second factors": factors, "unreadable": unreadable}
            store.audit(None, "encrypt by the first key", store.DONE, timezone.now(), user_name="command line", detail=detail)
        self.stdout.write(f"{count(changed, 'target')} and {count(factors, 'secret')} of second factors encrypted anew by the first key.")
        if unreadable:
            raise CommandError(f"No key of HARELINE_SECRETS_KEY decrypts the secrets of {', '.join(unreadable)}: restore the key, or enter them again.")
        self.stdout.write("Every target can be decrypted by the first key alone: the older ones may be taken out.")
