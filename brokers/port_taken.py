"""A port that another program holds: who needs it ends for good, with a sentence where people look. Standard library only.

A start that fails for another reason may work at the next try, so the supervisor tries again; this one is only mended by a person.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from pathlib import Path
from time import sleep
from typing import NoReturn

from brokers.supervised_process import SUPERVISOR

EXIT_STATUS = 98
"""Of a program that the supervisor is not to start again."""

START_SECONDS = 2
"""The supervisor takes a program that ends sooner for one that failed to start, and tries again whatever its status."""


def is_free(host: str, port: int) -> bool:
    """True if a server could listen there now. An address that is not this machine's raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def end_for_good(sentence: str) -> NoReturn:
    """Ends this process with EXIT_STATUS, and the sentence in its log and on the terminal of the demo, whose programs write to files."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
    supervisor = os.environ.get(SUPERVISOR, "")
    if supervisor.isdecimal():
        if os.environ.get("HARELINE_DEMO_AMQP_URL"):
            with contextlib.suppress(OSError), Path(f"/proc/{supervisor}/fd/1").open("a") as terminal:  # without /proc only the log has it
                terminal.write(f"{sentence}\n")
        sleep(START_SECONDS + 0.5)
    sys.exit(EXIT_STATUS)
