"""One question as JSON on stdin, one answer as JSON on stdout: {"note": …}, {"service": …} of a check, or {"failed": a sentence}."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import smtplib
import sys
from collections.abc import Mapping
from typing import Any

from brokers import plain_connections
from dashboard.notifications.outside import guard, mail, web

MEMORY_BYTES = 2 * 1024**3


def answer(question: Mapping[str, Any]) -> dict[str, str]:
    """What came of it. Nothing of what was sent or answered is in it."""
    guarded = guard.Guard(question["loopback"])
    guarded.start()
    try:
        return _done(question, guarded)
    except smtplib.SMTPException as error:
        failed = mail.sentence(error)
    except (OSError, web.Failed, http.client.HTTPException) as error:
        failed = web.sentence(error)
    except Exception as error:  # noqa: BLE001  (libraries may raise anything, and its text may hold the address)
        failed = f"the message could not be made ({type(error).__name__})"
    return {"failed": f"its address is not permitted: {guarded.refused[-1]}" if guarded.refused else failed}


def _done(question: Mapping[str, Any], guarded: guard.Guard) -> dict[str, str]:
    kind = question["kind"]
    if kind in ("check", "apprise"):
        from dashboard.notifications.outside import apprise_services  # a tenth of a second, which the others need not wait

        if kind == "check":
            return {"service": str(apprise_services.service(question["url"]).service_name)}
        apprise_services.send(question, guarded)
        return {}
    context = plain_connections.trust(question["ca_file"])
    guarded.close_files()
    if kind == "mail":
        return {"note": mail.send(question, context)}
    (web.webhook if kind == "webhook" else web.ping)(question, context)
    return {}


def _out_of_time(*_: Any) -> None:
    raise TimeoutError


def main() -> None:
    question = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # whatever a library prints goes nowhere
        os.dup2(nothing, descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, question["seconds"], 1.0)  # again, where a library took the first for a failure and goes on
    found = answer(question)
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    json.dump(found, out)
    out.flush()
    os._exit(0)  # whatever thread a library has left


if __name__ == "__main__":
    main()
