"""`python -m dashboard.web`: the web process. Daphne with its own arguments, once it is sure that the database can be used."""

from __future__ import annotations

import argparse
import os
import sys
import time
from importlib import import_module

import django
from daphne.cli import DEFAULT_HOST, CommandLineInterface
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from brokers import interpreter
from brokers.port_taken import end_for_good, is_free
from brokers.supervised_process import end_with_supervisor, leave
from dashboard.live.web_server import LiveServer

APPLICATION = "dashboard.asgi:application"
BACKLOG = 1024
PATIENCE_SECONDS = 1.0  # an earlier web process may just end


def main(arguments: list[str]) -> None:
    interpreter.look_for_no_garbage()
    end_with_supervisor()
    daphne = CommandLineInterface()
    options = daphne.parser.parse_args([*arguments, APPLICATION])
    refuse_taken_port(options)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        django.setup()
        from brokers.database.engine import share_connections
        from brokers.database_file import keep_connections
        from dashboard.checks import refuse_exposure
        from dashboard.operations.database_state import refuse_unusable
        from dashboard.operations.web_presence import WebPresence

        refuse_exposure(options.host or DEFAULT_HOST)
        share_connections()
        keep_connections()
        refuse_unusable(waiting=True)
        presence = WebPresence()
        import_module(APPLICATION.partition(":")[0])
        import_module(settings.ROOT_URLCONF)  # else the first request does, and everybody waits for it
    except ImproperlyConfigured as error:
        sys.exit(f"hareline: {error}")
    daphne.server_class = LiveServer
    presence.start()
    interpreter.shorten_turns()
    interpreter.look_for_garbage_rarely()
    daphne.run([*with_backlog(arguments), APPLICATION])
    presence.end()
    leave()


def with_backlog(arguments: list[str]) -> list[str]:
    """The address as one of Twisted's descriptions of endpoints, which can hold a longer queue of connections than the 50 of `-b` and `-p`: after a
    restart all open pages come at the same time.

    >>> with_backlog(["-v", "0", "-b", "::1", "-p", "8000"])
    ['-e', 'tcp:port=8000:interface=\\\\:\\\\:1:backlog=1024', '-v', '0']
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-b", "--bind", default=DEFAULT_HOST)
    parser.add_argument("-p", "--port", type=int)
    address, others = parser.parse_known_args(arguments)
    if address.port is None:
        return arguments
    host = address.bind.strip("[]").replace(":", r"\:")
    return ["-e", f"tcp:port={address.port}:interface={host}:backlog={BACKLOG}", *others]


def refuse_taken_port(options: argparse.Namespace) -> None:
    """Ends the process with one sentence if another program listens on the port that it is to serve pages on."""
    if options.port is None:
        return
    host, deadline = options.host or DEFAULT_HOST, time.monotonic() + PATIENCE_SECONDS
    while not is_free(host, options.port):
        if time.monotonic() > deadline:
            end_for_good(
                f"hareline: pages can't be served, since port {options.port} of {host} is in use by another program, perhaps another Hareline (`ss -ltnp` "
                f"names it). Stop that program, or set HARELINE_PORT to another port, and start this again."
            )
        time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1:])
