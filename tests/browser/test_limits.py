"""A stranger who sends far too much to a real web process: it is refused, the memory stays as it is, and pages are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Stack

MEGABYTE = 1024 * 1024
CHUNK = f"{MEGABYTE:x}\r\n".encode() + b"x" * MEGABYTE + b"\r\n"


def most_megabytes(pid: int) -> float:
    """The most memory that the process had since `forget_most`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def forget_most(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): the most that it had becomes what it has now


def uploaded(stack: Stack, header: str, piece: bytes, pieces: int) -> bytes:
    """The answer to a login form of which at most so many pieces could be sent."""
    with socket.create_connection(("127.0.0.1", urlsplit(stack.url).port or 0), timeout=20) as link:
        link.sendall(f"POST /login/ HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(pieces):
                link.sendall(piece)
        return link.recv(4096)


@pytest.mark.parametrize(("header", "piece"), [(f"Content-Length: {400 * MEGABYTE}", b"x" * MEGABYTE), ("Transfer-Encoding: chunked", CHUNK)])
def test_four_hundred_megabytes_to_the_login_page_are_refused(stack: Stack, header: str, piece: bytes) -> None:
    pid = stack.hareline.processes[0].pid
    forget_most(pid)
    before = most_megabytes(pid)
    answer = uploaded(stack, header, piece, 400)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"At most 64 KB are read" in answer
    assert most_megabytes(pid) < before + 20
    with urllib.request.urlopen(f"{stack.url}/login/", timeout=60) as page:  # noqa: S310  (our own address)
        assert page.status == 200
