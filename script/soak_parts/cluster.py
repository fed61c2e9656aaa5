"""Two RabbitMQ nodes on this machine that form a cluster, each of which can be lost and come back. Standard library only."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from script.rabbitmq_node import GUARD, RabbitNode

ERL_CALL_SECONDS = 60
JOIN = (
    "rabbit:stop(), case code:ensure_loaded(rabbit_db_cluster) of {module, _} -> rabbit_db:reset(), rabbit_db_cluster:join(OTHER, disc);"
    " _ -> rabbit_mnesia:reset(), rabbit_mnesia:join_cluster(OTHER, disc) end, rabbit:start()."
)
"""As `rabbitmqctl stop_app`, `reset`, `join_cluster` and `start_app`; in RabbitMQ 4, and before."""
LIST_QUEUES = (
    'lists:flatten([io_lib:format("~s ~w ~w;", [Name, State, Messages]) || [{name, {resource, _, queue, Name}}, {state, State}, {messages, Messages}]'
    ' <- rabbit_amqqueue:info_all(<<"%s">>, [name, state, messages])]).'
)


def evaluate(node: RabbitNode, expression: str) -> str:
    """The value of an Erlang expression on the node, as text. Raises RuntimeError if the node does not answer."""
    cookie = (node.directory / "home" / ".erlang.cookie").read_text()
    command = ["erl_call", "-c", cookie, "-address", f"localhost:{node.ports['distribution']}", "-e"]
    try:
        done = subprocess.run(command, input=f"{expression}\n", capture_output=True, text=True, timeout=ERL_CALL_SECONDS, check=False, cwd=node.directory)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{node.name} did not answer {expression}") from error
    if done.returncode or not done.stdout.startswith("{ok, "):
        raise RuntimeError(f"{node.name} answered {expression} with {done.stdout} {done.stderr}")
    return done.stdout.strip().removeprefix("{ok, ").removesuffix("}")


class Member(RabbitNode):
    """A node of the cluster: it shares epmd, cookie and user with the first one."""

    def __init__(self, directory: Path, first: Member | None, statistics_interval_ms: int) -> None:
        super().__init__(directory, statistics_interval_ms=statistics_interval_ms)
        self._first = first
        self.cookie: str = first.cookie if first else secrets.token_hex(20).upper()
        self.shared_epmd: subprocess.Popen[bytes] | None = None
        if first:
            self._state |= {"user": first.user, "password": first.password}

    def choose_ports(self) -> None:
        shared = self._first.ports["epmd"] if self._first else self.ports["epmd"] if self.shared_epmd else None
        super().choose_ports()
        if shared:
            self._state["ports"]["epmd"] = shared
            self._save(pids=[])

    def _start_epmd(self, command: list[str], options: Mapping[str, Any]) -> subprocess.Popen[bytes] | None:
        """The first node's outlives it, so that the other can go on and it can come back."""
        if self._first is None and self.shared_epmd is None:
            self.shared_epmd = subprocess.Popen(command, start_new_session=True, **options)
            guard = ["/bin/sh", "-c", GUARD, "guard", str(self.shared_epmd.pid)]
            self._epmd_guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
        return None

    def end_epmd(self) -> None:
        if self.shared_epmd is not None:
            self.shared_epmd.kill()
            self.shared_epmd.wait()
            self._epmd_guard.communicate()

    def _write_files(self) -> None:
        cookie = self.directory / "home" / ".erlang.cookie"
        if not cookie.exists():
            cookie.parent.mkdir(parents=True)
            cookie.write_text(self.cookie)
            cookie.chmod(0o400)
        super()._write_files()

    def join(self, other: Member) -> None:
        """Gives up what it has and becomes a node of the other's cluster. Raises RuntimeError."""
        self.evaluate(JOIN.replace("OTHER", f"'{other.name}'"))
        running = [node["name"] for node in other.api("GET", "nodes") if node["running"]]
        if self.name not in running:
            raise RuntimeError(f"{self.name} did not join {other.name}: {running} run")

    def evaluate(self, expression: str) -> str:
        """As `evaluate`."""
        return evaluate(self, expression)

    def list_queues(self, vhost: str = "/") -> dict[str, tuple[str, int | None]]:
        """{queue: (state, messages)} as `rabbitmqctl list_queues` has it, from the same function."""
        rows = [row.split() for row in self.evaluate(LIST_QUEUES % vhost).strip('"[]').split(";") if row]
        return {name: (state, int(messages) if messages.isdigit() else None) for name, state, messages in rows}

    def pause(self) -> None:
        """The broker ends, the Erlang machine stays: as good as lost for the others and for clients, and quick to come back."""
        self.evaluate("rabbit:stop().")

    def resume(self) -> None:
        self.evaluate("rabbit:start().")

    def cut_off(self, other: Member) -> None:
        """The two no longer reach each other, as when the network between them is interrupted."""
        self.evaluate(f"erlang:set_cookie('{other.name}', wrong), erlang:disconnect_node('{other.name}').")

    def reach_again(self, other: Member) -> None:
        """They see then that they were partitioned, and stay so until one of them starts again."""
        self.evaluate(f"erlang:set_cookie('{other.name}', '{self.cookie}'), net_adm:ping('{other.name}').")

    def alarm(self, on: bool) -> None:
        """Sets or clears the memory alarm."""
        self.evaluate(f"vm_memory_monitor:set_vm_memory_high_watermark({'0.00001' if on else '0.4'}).")


class Cluster:
    def __init__(self, directory: Path, statistics_interval_ms: int = 1000) -> None:
        first = Member(directory / "n1", None, statistics_interval_ms)
        self.nodes = (first, Member(directory / "n2", first, statistics_interval_ms))

    @contextlib.contextmanager
    def running(self) -> Iterator[Cluster]:
        try:
            for node in self.nodes:
                node.start()
            self.nodes[1].join(self.nodes[0])
            yield self
        finally:
            for node in self.nodes:
                node.kill()
            self.nodes[0].end_epmd()

    @property
    def brokers_url(self) -> str:
        """The addresses of both, as HARELINE_BROKERS takes them."""
        first = self.nodes[0]
        return "|".join(node.management_url.replace("://", f"://{first.user}:{first.password}@") for node in self.nodes)
