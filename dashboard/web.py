"""`python -m dashboard.web`: the web process. Daphne with its own arguments, once it is sure that the database can be used."""

from __future__ import annotations

import os
import sys

import django
from daphne.cli import CommandLineInterface
from django.core.exceptions import ImproperlyConfigured

from brokers.supervised_process import end_with_supervisor


def main(arguments: list[str]) -> None:
    end_with_supervisor()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        django.setup()
        from dashboard.operations.database_state import refuse_unusable

        refuse_unusable(waiting=True)
    except ImproperlyConfigured as error:
        sys.exit(f"hareline: {error}")
    CommandLineInterface().run([*arguments, "dashboard.asgi:application"])


if __name__ == "__main__":
    main(sys.argv[1:])
