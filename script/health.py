"""Reports whether the server that runs with this environment is ready: exit status 0, or 1 with the reasons of /readyz. For health checks of containers."""

from __future__ import annotations

import os
import sys

from script.announce import reasons_text, status


def pages() -> str:
    """The address at which this machine reaches the pages."""
    host = os.environ.get("HARELINE_HOST") or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    return f"http://{f'[{host}]' if ':' in host else host}:{os.environ.get('HARELINE_PORT') or 8000}"


def main() -> int:
    code, text = status(f"{pages()}/readyz")
    if code != 200:
        print(f"hareline: not ready: {reasons_text(code, text)}", file=sys.stderr)
    return 0 if code == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
