"""Runs the stages of Dockerfile in chroots, and starts the last one as its user over a read-only tree. `script/try-image` calls it, in namespaces of its own.

Copies and environments are Docker's; layers, its cache, its network and its limits are not: docs/deployment.md says what that leaves untried.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from script.announce import status
from script.dockerfile import Copy, Run, Stage, ignored, parse, patterns_of

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 400.0
STOP_SECONDS = 30.0
END_SECONDS = 10
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OF_THE_MACHINE = ("PIP_", "UV_", "NPM_CONFIG_", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Variables by which this machine reaches its package registries."""


def main(place: Path) -> None:
    stages = parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    roots: dict[str, Path] = {}
    for number, stage in enumerate(stages):
        root = place / f"stage-{number}"
        report(f"stage {stage.name or number}")
        build(stage, place / "base", root, roots)
        roots[stage.name or str(number)] = root
    trial(stages[-1], roots[stages[-1].name or str(len(stages) - 1)])


def report(text: str) -> None:
    print(f"image: {text}", flush=True)


def build(stage: Stage, base: Path, root: Path, roots: Mapping[str, Path]) -> None:
    """Fills `root` with the base and what each step makes of it."""
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copyfile(path, f"{root}{path}")
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    mounted = mount(root)
    outside = machine(root)
    for step in stage.steps:
        started = time.monotonic()
        if isinstance(step, Run):
            inside = {"PATH": PATH, "HOME": "/root", **outside, **step.environment}
            chrooted(root, inside, step.directory, ["/bin/sh", "-c", step.command], check=True)
            report(f"  RUN {step.command[:90]}… {time.monotonic() - started:.0f} s")
        else:
            copy(step, root, roots)
            report(f"  COPY {' '.join(step.sources)}")
    shutil.rmtree(root / "run/machine", ignore_errors=True)
    for target in reversed(mounted):
        subprocess.run(["umount", "--lazy", target], check=True)


def mount(root: Path) -> list[str]:
    subprocess.run(["mount", "-t", "proc", "proc", f"{root}/proc"], check=True)
    subprocess.run(["mount", "--rbind", "/dev", f"{root}/dev"], check=True)
    subprocess.run(["mount", "--make-rslave", f"{root}/dev"], check=True)
    return [f"{root}/proc", f"{root}/dev"]


def machine(root: Path) -> dict[str, str]:
    """The variables of OF_THE_MACHINE; files that they name are copied into the chroot."""
    found = {name: value for name, value in os.environ.items() if name.upper().startswith(OF_THE_MACHINE)}
    for name, value in found.items():
        if Path(value).is_file():
            copied = root / "run/machine" / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(value, copied)
            found[name] = f"/run/machine/{name}"
    return found


def context() -> list[str]:
    """The files that `docker build .` would send: those of the checkout that are not ignored."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    patterns = patterns_of((ROOT / ".dockerignore").read_text(encoding="utf-8"))
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file() and not ignored(path, patterns)]


def copy(step: Copy, root: Path, roots: Mapping[str, Path]) -> None:
    destination = root / (Path(step.directory) / step.destination).as_posix().lstrip("/")
    if step.stage:
        for source in step.sources:
            destination.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{roots[step.stage]}{source}", str(destination)], check=True)
        return
    for source in step.sources:
        for path in [name for name in context() if source in (".", name)]:
            target = destination / path if source == "." else destination / Path(path).name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target)


def chrooted(root: Path, environment: Mapping[str, str], directory: str, command: Sequence[str], *, user: str = "", check: bool = False) -> int:
    return subprocess.run(inside(root, directory, command, user), env=environment, check=check, stdin=subprocess.DEVNULL).returncode


def inside(root: Path, directory: str, command: Sequence[str], user: str = "") -> list[str]:
    """The command line that runs `command` in the chroot. The environment is not in it, where every user of the machine could read its secrets."""
    become = ["setpriv", "--no-new-privs", "chroot", f"--userspec={user}"] if user else ["chroot"]
    entered = ["/bin/sh", "-c", f'mkdir -p {directory} 2>/dev/null; cd {directory} && exec "$@"', "sh"]
    return [*become, str(root), *entered, *command]


def trial(stage: Stage, root: Path) -> None:
    """Starts the image's command. Ends the program with a sentence where something is not as it must be."""
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
    mount(root)
    uid, gid = stage.user.split(":")
    for target, options in (("tmp", "mode=1777"), ("var/lib/hareline", f"mode=0700,uid={uid},gid={gid}")):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", f"{root}/{target}"], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    usual = {"PATH": PATH, "HOME": "/var/lib/hareline", **stage.environment}
    command = [*stage.entrypoint, *stage.command]
    require(chrooted(root, usual, stage.directory, ["/bin/sh", "-c", "touch /opt/hareline/x"]) != 0, "its tree can be written to")
    refused = subprocess.run(
        inside(root, stage.directory, command, stage.user), env=usual, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    require(refused.returncode != 0 and "HARELINE_ALLOW_UNSAFE=plain-http" in refused.stderr, f"on every address over plain http: {refused.stderr}")
    report("on every address over plain http it refuses to start")
    usual |= {"HARELINE_HOST": "127.0.0.1", "HARELINE_PORT": str(port)}
    started = time.monotonic()
    server = subprocess.Popen(inside(root, stage.directory, command, stage.user), env=usual, stdin=subprocess.DEVNULL)
    while chrooted(root, usual, stage.directory, stage.healthcheck, user=stage.user) != 0:
        require(server.poll() is None, f"it ended with status {server.returncode}")
        require(time.monotonic() - started < PATIENCE_SECONDS, f"it is not ready after {PATIENCE_SECONDS:.0f} s")
        time.sleep(2)
    report(f"ready after {time.monotonic() - started:.0f} s: /readyz answers {status(f'http://127.0.0.1:{port}/readyz')[0]}")
    running = owners()
    require(len(running) >= 5, f"only {len(running)} processes run")
    require(set(running.values()) == {int(uid)}, f"not all processes run as {uid}: {running}")
    report(f"{len(running)} processes, all of user {uid}, over a read-only tree")
    server.send_signal(signal.SIGTERM)
    require(server.wait(STOP_SECONDS) == 0, f"it ended with status {server.returncode}")
    deadline = time.monotonic() + END_SECONDS
    while owners() and time.monotonic() < deadline:  # what copies the output ends after the last program that writes to it
        time.sleep(0.1)
    require(not owners(), f"processes are left: {owners()}")
    report("stopped in good order, nothing is left")


def owners() -> dict[int, int]:
    """{process: user} of all in this namespace that live, but this one."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.name != str(os.getpid()) and (folder / "cmdline").read_bytes():  # one that has ended has none
                found[int(folder.name)] = folder.stat().st_uid
        except OSError:
            continue
    return found


def require(holds: bool, problem: str) -> None:
    if not holds:
        sys.exit(f"image: {problem}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
