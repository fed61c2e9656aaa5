#!/usr/bin/env python
"""Django's command line for Hareline. A bad setting ends in one sentence that names it."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"hareline: {error}")


if __name__ == "__main__":
    main()
