#!/usr/bin/env python
"""Django's command line for Hareline. A bad setting ends in one sentence that names it."""

import os
import sys

PROCESSES = ("pollbrokers", "receiveevents", "maintain", "runlab")
WITHOUT_SETTINGS = ("explain", "compare")
"""They need neither settings nor a database for what comes in files, and start ten times as fast without."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    if sys.argv[1:2] and sys.argv[1] in WITHOUT_SETTINGS:
        from importlib import import_module

        import_module(f"dashboard.management.commands.{sys.argv[1]}").Command().run_from_argv(sys.argv)
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from brokers.supervised_process import end_with_supervisor, leave

    long_running = sys.argv[1:2] and sys.argv[1] in PROCESSES
    try:
        if long_running:
            end_with_supervisor()
            django.setup()
            from dashboard.operations.database_state import refuse_unusable

            refuse_unusable(waiting=True)
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"hareline: {error}")
    if long_running:
        leave()


if __name__ == "__main__":
    main()
