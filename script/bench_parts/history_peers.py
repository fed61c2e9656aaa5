"""Stores of time series as peers of the history: VictoriaMetrics, or Prometheus where that is not installed, with the same numbers by remote write.

Their queries count by the processor time of the server alone, without that of reading its answer.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import cramjam
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
NAMES = {"victoria-metrics": "VictoriaMetrics", "prometheus": "Prometheus"}
SERIES_A_REQUEST = 8_000
READS, MOST_READS = 10, 500
ENOUGH_SECONDS = 0.3
"""So long is measured, at most so many reads: a server's processor time is known to a hundredth of a second, and many reads take less."""
_SAMPLE = 18
"""Bytes of a sample within its series: two headers, a double and a time of six bytes."""
_TICKS = os.sysconf("SC_CLK_TCK")


class SeriesStore:
    """A server with its data in a directory; ends with `close`."""

    def __init__(self, program: str, directory: Path) -> None:
        self.program, self.name, self.directory = program, NAMES[program], directory
        directory.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self._port = listening.getsockname()[1]
        self._process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start")
            time.sleep(0.1)

    def _command(self) -> list[str]:
        address, data = f"127.0.0.1:{self._port}", self.directory / "data"
        if self.program == "victoria-metrics":
            limits = ["-search.maxUniqueTimeseries=1000000", "-search.maxPointsPerTimeseries=100000", "-search.latencyOffset=0s", "-retentionPeriod=12"]
            return [self.program, f"-storageDataPath={data}", f"-httpListenAddr={address}", "-search.disableCache", *limits]
        (self.directory / "prometheus.yml").write_text("", encoding="utf-8")
        options = ["--web.enable-remote-write-receiver", "--web.enable-admin-api", "--log.level=error", "--query.max-samples=200000000"]
        return [self.program, f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={data}", f"--web.listen-address={address}", *options]

    def _answers(self) -> bool:
        try:
            return self._request("GET", "/health" if self.program == "victoria-metrics" else "/-/ready")[0] == 200
        except OSError:
            return False

    def _request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"} if body else {}
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def write(self, names: Sequence[str], queues: Sequence[int], times: Floats, numbers: Floats) -> None:
        """`numbers[metric, queue, time]`, NaN where nothing is known; times in seconds since 1970, ascending, later than what is there."""
        for body in _requests(names, queues, times, numbers):
            status, answer = self._request("POST", "/api/v1/write", body)
            if not 200 <= status < 300:
                raise RuntimeError(f"{self.name} refused samples: {status} {answer[:200]!r}")

    def course(self, names: Sequence[str], queues: Sequence[int], start: float, end: float, step: float) -> bytes:
        """The answer to a range query."""
        one = f'queue="{queues[0]}"' if len(queues) == 1 else f'queue=~"{"|".join(map(str, queues))}"'
        query = {"query": f'{{__name__=~"{"|".join(names)}",{one}}}', "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return self._read(f"/api/v1/query_range?{urlencode(query)}&nocache=1")

    def moment(self, names: Sequence[str], at: float) -> bytes:
        query = {"query": f'{{__name__=~"{"|".join(names)}"}}', "time": f"{at:.3f}"}
        return self._read(f"/api/v1/query?{urlencode(query)}&nocache=1")

    def _read(self, path: str) -> bytes:
        status, answer = self._request("GET", path)
        if status != 200:
            raise RuntimeError(f"{self.name} answered {status}: {answer[:200]!r}")
        return answer

    def milliseconds(self, read: Callable[[], object]) -> float:
        """The mean of the server's own processor time of a query, after a first one."""
        read()
        began, reads = self.cpu_seconds, 0
        while reads < READS or (reads < MOST_READS and self.cpu_seconds - began < ENOUGH_SECONDS):
            read()
            reads += 1
        return (self.cpu_seconds - began) / reads * 1000

    def stored_bytes(self) -> int:
        """On the disk, once everything is written there in its final form."""
        data = self.directory / "data"
        if self.program == "victoria-metrics":
            self._request("GET", "/internal/force_flush")
            self._request("GET", "/internal/force_merge")
            time.sleep(5)
        else:
            self._request("POST", "/api/v1/admin/tsdb/snapshot")
            data = data / "snapshots"
        return sum(file.stat().st_size for file in data.rglob("*") if file.is_file())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def installed() -> list[str]:
    """The programs of the peers that are here."""
    return [program for program in NAMES if shutil.which(program)]


def _requests(names: Sequence[str], queues: Sequence[int], times: Floats, numbers: Floats) -> Iterator[bytes]:
    """WriteRequests of the protocol, compressed, of all samples."""
    milliseconds, body, count = np.rint(times * 1000).astype(np.int64), bytearray(), 0
    for metric, name in enumerate(names):
        known = ~np.isnan(numbers[metric])
        for first in range(0, len(queues), SERIES_A_REQUEST):
            some = slice(first, first + SERIES_A_REQUEST)
            packed = _samples(milliseconds, numbers[metric, some])
            for place, queue in enumerate(queues[some]):
                samples = packed[place] if known[first + place].all() else packed[place][known[first + place]]
                series = _label("__name__", name) + _label("queue", str(queue)) + samples.tobytes()
                body += b"\x0a" + _varint(len(series)) + series
                count += 1
                if count % SERIES_A_REQUEST == 0:
                    yield bytes(cramjam.snappy.compress_raw(bytes(body)))
                    body.clear()
    if body:
        yield bytes(cramjam.snappy.compress_raw(bytes(body)))


def _samples(milliseconds: npt.NDArray[np.int64], numbers: Floats) -> npt.NDArray[np.uint8]:
    """`[series, time, byte]`: field 2 of a series, with its value as a double and its time."""
    found = np.empty((*numbers.shape, _SAMPLE), np.uint8)
    found[..., 0], found[..., 1], found[..., 2], found[..., 11] = 0x12, _SAMPLE - 2, 0x09, 0x10
    found[..., 3:11] = np.ascontiguousarray(numbers, "<f8").view(np.uint8).reshape(*numbers.shape, 8)
    found[..., 12:] = np.stack([(milliseconds >> (7 * place)) & 0x7F | (0x80 if place < 5 else 0) for place in range(6)], axis=-1)
    return found


def _label(name: str, value: str) -> bytes:
    body = b"\x0a" + _varint(len(name)) + name.encode() + b"\x12" + _varint(len(value)) + value.encode()
    return b"\x0a" + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
