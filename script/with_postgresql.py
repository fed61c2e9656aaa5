"""`python -m script.with_postgresql PROGRAM …`: runs a program while a private PostgreSQL server runs, whose address it has as HARELINE_TEST_POSTGRES."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from script.postgresql_server import PostgresServer, ServerError

VARIABLE = "HARELINE_TEST_POSTGRES"


def main(command: list[str]) -> int:
    """The exit status of the program. A signal to this process ends both."""
    server = PostgresServer()
    process: subprocess.Popen[bytes] | None = None

    def end(*_: object) -> None:
        if process is not None:
            process.terminate()
        else:
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        server.start()
        process = subprocess.Popen(command, env={**os.environ, VARIABLE: server.url()})
        return process.wait()
    except ServerError as error:
        print(f"hareline: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return process.wait() if process is not None else 130
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
