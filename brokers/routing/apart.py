"""Answers one question in a process of its own, which may take only so much memory and time: `python -m brokers.routing.apart MEMORY_BYTES SECONDS`.

The question is the whole of standard input, the answer one line of JSON, as `brokers.routing.questions.answer_line` has them. Pure but for its streams.
"""

from __future__ import annotations

import os
import resource
import sys

import msgspec

from brokers.routing.questions import answer_line

OUT_OF_MEMORY = 3
"""The exit status of a question that needs more memory than it may take."""


def main() -> None:
    memory_bytes, seconds = (int(text) for text in sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # it ends also where nobody waits for it any more
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = msgspec.json.encode(answer_line(sys.stdin.buffer.read()))
        sys.stdout.buffer.write(found)
        sys.stdout.buffer.flush()
    except (MemoryError, SystemError):  # C code that gets no memory may raise a SystemError instead
        os._exit(OUT_OF_MEMORY)  # without the interpreter's end, which needs memory too


if __name__ == "__main__":
    main()
