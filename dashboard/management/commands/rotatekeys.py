"""`manage.py rotatekeys`: encrypts anew what is stored encrypted, by the first key of HARELINE_SECRETS_KEY."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.layout.formatting import count
from dashboard.notifications.targets import rotate_secrets, unreadable_targets


class Command(BaseCommand):
    help = "Encrypts the secrets of targets by the first key of HARELINE_SECRETS_KEY, so that the older keys may go; fails where no key decrypts one."

    def handle(self, *args: Any, **options: Any) -> None:
        changed, unreadable = rotate_secrets(), unreadable_targets()
        self.stdout.write(f"{count(changed, 'target')} encrypted anew by the first key.")
        if unreadable:
            raise CommandError(f"No key of HARELINE_SECRETS_KEY decrypts the secrets of {', '.join(unreadable)}: restore the key, or enter them again.")
        self.stdout.write("Every target can be decrypted by the first key alone: the older ones may be taken out.")
