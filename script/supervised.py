"""Writes the configuration of the supervisor that runs Hareline's processes, and checks first that they can start.

    python -m script.supervised check          before anything else touches the data directory
    python -m script.supervised server|demo

What it writes holds no secret: processes get those from the environment, each without those that it does not need.
Programs of one stage start and stop together; an earlier stage starts earlier and stops later.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from brokers.port_taken import EXIT_STATUS, START_SECONDS, is_free
from brokers.supervised_process import still_running
from script.port_reservations import reservations
from workers.demo.nodes import NODES

LEFTOVERS_SECONDS = 20.0
PYTHON = ".venv/bin/python"
STAGES = ("broker", "hareline", "demo", "announcement")


@dataclass(frozen=True)
class Program:
    name: str
    command: str
    stage: str
    stop_seconds: int = 8  # on a busy machine; a second on an idle one
    restart: bool = True
    listens: bool = False  # ends for good where another program has its port
    to_terminal: bool = False


HARELINE = (
    Program("poller", f"{PYTHON} manage.py pollbrokers", "hareline"),
    Program("receiver", f"{PYTHON} manage.py receiveevents", "hareline"),
    Program("maintenance", f"{PYTHON} manage.py maintain", "hareline"),
    Program("announcement", f"{PYTHON} -m script.announce", "announcement", restart=False, to_terminal=True),
)
LAB = Program("lab", f"{PYTHON} manage.py runlab", "hareline")  # only where HARELINE_LAB names a broker
DEMO = (
    Program(
        "broker",
        f"{PYTHON} -m script.rabbitmq_program run '%(ENV_HARELINE_DATA_DIR)s/rabbitmq' workers/demo/definitions.json",
        "broker",
        stop_seconds=12,
        listens=True,
    ),
    *(Program(name.replace("@", "-at-"), f"{PYTHON} -m workers.demo worker {name}", "demo") for name in NODES),
    Program("beat", f"{PYTHON} -m workers.demo beat", "demo"),
    Program("audit", f"{PYTHON} -m workers.demo audit", "demo"),
    Program("traffic", f"{PYTHON} -m workers.demo traffic", "demo"),
    Program("plants", f"{PYTHON} -m workers.demo plants", "demo"),
)


FIRST = "HARELINE_FIRST_PASSWORD"
OF_RESULTS = re.compile(r"HARELINE_RESULTS_\w+", re.ASCII)  # only the receiver reads result backends
OF_LOGIN = re.compile(r"HARELINE_(?:(?:ADMIN_PASSWORD|API_TOKEN)(?:_FILE)?|OIDC_\w+)", re.ASCII)
"""What only `manage.py prepare` and the web processes need: the former puts password and token into the database, at the latter people log in."""
OF_THE_DEMO = re.compile(r"HARELINE_(DATA_DIR|SUPERVISOR|DEMO_.+)")
"""What workers and the broker of the demo need; the rest is Hareline's own, such as its login at the management API."""
MOST_PROCESSES = 64
NUMBERS = {kind: f"HARELINE_{kind.upper()}_PROCESSES" for kind in ("web", "poller", "receiver", "maintenance")}


def number_of(kind: str) -> int:
    """How many processes of the kind this machine runs; ends the start with one sentence where that is no number."""
    text = os.environ.get(NUMBERS[kind]) or "1"
    if not text.isdecimal() or int(text) > MOST_PROCESSES:
        sys.exit(f"hareline: {NUMBERS[kind]}: expected a number from 0 to {MOST_PROCESSES}, got {text!r}.")
    return int(text)


def several(program: Program, number: int) -> list[Program]:
    """The program so many times; the first keeps its name."""
    return [program if position == 1 else replace(program, name=f"{program.name}-{position}") for position in range(1, number + 1)]


def hareline(host: str, ports: Sequence[int]) -> list[Program]:
    """Hareline's own processes on this machine, a web process for each of the ports."""
    found = [each for program in HARELINE if program.name in NUMBERS for each in several(program, number_of(program.name))]
    pages = [replace(web(host, port), name="web" if position == 0 else f"web-{position + 1}") for position, port in enumerate(ports)]
    lab = [LAB] if ports and (os.environ.get("HARELINE_LAB") or os.environ.get("HARELINE_LAB_FILE")) else []
    return [*found, *lab, *pages, *(program for program in HARELINE if program.name not in NUMBERS and ports)]


def web(host: str, port: int) -> Program:
    return Program("web", f"{PYTHON} -m dashboard.web -v 0 --application-close-timeout 2 -b {host} -p {port}", "hareline", listens=True)


def choose_port(host: str, wanted: int, others: Iterable[int]) -> int:
    """The wanted port, else the first free one of `others`, reserved for this start; ends it with one sentence if there is none."""
    try:
        with reservations() as reserved:
            for port in (wanted, *others):
                if port not in reserved.of_others and is_free(host, port):
                    reserved.add(port)
                    return port
    except OSError as error:
        sys.exit(f"hareline: HARELINE_HOST: {host} can't be listened on ({error.strerror or error}).")
    sys.exit(f"hareline: port {wanted} of {host} is in use; set HARELINE_PORT to another one.")


def refuse_second_start(pid_file: Path, configuration: Path) -> None:
    """Ends the start with one sentence if a supervisor already runs with this data directory."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, 0)
        arguments = Path(f"/proc/{pid}/cmdline")
        ours = not arguments.exists() or str(configuration).encode() in arguments.read_bytes()
    except (OSError, ValueError):
        return
    if ours:
        sys.exit(f"hareline: it runs already with this data directory (process {pid}); stop that first, or set HARELINE_DATA_DIR to another one.")


def wait_for_leftovers(data: Path, patience_seconds: float = LEFTOVERS_SECONDS) -> None:
    """Returns once nothing runs over the data directory any more: programs whose supervisor was killed end by themselves. Ends the start with one
    sentence if some don't."""
    deadline = time.monotonic() + patience_seconds
    left = still_running(data)
    if left:
        print(f"hareline: an earlier start was killed; waiting for its processes to end ({_listed(left)}).", file=sys.stderr)
    while left and time.monotonic() < deadline:
        time.sleep(0.2)
        left = still_running(data)
    if left:
        sys.exit(f"hareline: processes of an earlier start still run with this data directory ({_listed(left)}); end them first.")


def _listed(pids: Iterable[int]) -> str:
    return ", ".join(str(pid) for pid in pids)


def withheld(program: Program, variables: Collection[str]) -> list[str]:
    """Those of the variables that the program's environment lacks, and the made-up password, which is set only after this was written; sorted."""
    if program.stage == "announcement":
        return []
    if program.stage == "hareline":
        kind = program.name.partition("-")[0]
        unneeded = [pattern for pattern, user in ((OF_LOGIN, "web"), (OF_RESULTS, "receiver")) if kind != user]
        kept_from_it = tuple(name for name in variables if any(pattern.fullmatch(name) for pattern in unneeded))
    else:
        kept_from_it = tuple(name for name in variables if re.fullmatch(r"HARELINE_\w+", name, re.ASCII) and not OF_THE_DEMO.fullmatch(name))
    return sorted({*kept_from_it, FIRST})


def configuration(programs: Iterable[Program], data: Path, quiet: bool, variables: Collection[str] = ()) -> str:
    """The text of supervisord.conf. `quiet`: the output of programs goes to files under the data directory instead of the terminal. `variables`: the names
    of the environment."""
    at = str(data).replace("%", "%%")
    user = "user=root\n" if os.geteuid() == 0 else ""  # set explicitly, or the supervisor warns
    parts = [
        f"[supervisord]\nnodaemon=true\nsilent={str(quiet).lower()}\nlogfile={at}/log/supervisor.log\nlogfile_maxbytes=1MB\nlogfile_backups=1\n"
        f"pidfile={at}/supervisor.pid\nchildlogdir={at}/log\numask=077\n{user}"
    ]
    listed = list(programs)
    for priority, stage in enumerate(STAGES):
        members = [program for program in listed if program.stage == stage]
        if members:
            parts.append(f"[group:{stage}]\npriority={priority}\nprograms={','.join(program.name for program in members)}\n")
        parts += [section(program, at, quiet, withheld(program, variables)) for program in members]
    return "\n".join(parts)


def section(program: Program, at: str, quiet: bool, without: Sequence[str] = ()) -> str:
    command = " ".join(("/usr/bin/env", *(f"-u {name}" for name in without), program.command)) if without else program.command
    log = f"{at}/log/{program.name}.log" if quiet and not program.to_terminal else "/dev/fd/1"
    restart = f"unexpected\nexitcodes={EXIT_STATUS}" if program.listens else str(program.restart).lower()
    return (
        f"[program:{program.name}]\ncommand={command}\n"
        f"autorestart={restart}\nstartsecs={START_SECONDS if program.restart else 0}\nstartretries=100000\n"
        f"stopwaitsecs={program.stop_seconds}\nkillasgroup=true\n"
        f"redirect_stderr=true\nstdout_logfile={log}\nstdout_logfile_maxbytes={'0' if log == '/dev/fd/1' else '2MB'}\nstdout_logfile_backups=1\n"
    )


def main(kind: str) -> None:
    """`check`: returns if nothing runs over the data directory. `server`, `demo`: prints the port on which pages will be served."""
    data = Path(os.environ["HARELINE_DATA_DIR"]).resolve()
    path, pid_file = data / "supervisor.conf", data / "supervisor.pid"
    host, wanted = os.environ.get("HARELINE_HOST") or "127.0.0.1", os.environ.get("HARELINE_PORT")
    refuse_second_start(pid_file, path)
    wait_for_leftovers(data)
    if kind == "check":
        return
    (data / "log").mkdir(parents=True, exist_ok=True)
    demo = kind == "demo"
    port, pages = choose_port(host, int(wanted or 8000), range(8001, 8050) if demo and not wanted else ()), number_of("web")
    ports = [port, *(choose_port(host, port + position, ()) for position in range(1, pages))][:pages]
    programs = (*hareline(host, ports), *(DEMO if demo else ()))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(configuration(programs, data, quiet=demo, variables=os.environ.keys()))
    print(port)


if __name__ == "__main__":
    main(sys.argv[1])
