"""rabbitmqctl for a private node: `python -m script.rabbitmq_ctl DIRECTORY ARGUMENT…`. Its output and its status are passed on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from script.rabbitmq_machine import NodeError, find_server
from script.rabbitmq_node import RabbitNode


def run(node: RabbitNode, *arguments: str) -> int:
    """The exit status. Raises NodeError where the program is missing."""
    program = Path(find_server()).with_name("rabbitmqctl")
    if not program.exists():
        raise NodeError(f"{program} is missing.")
    return subprocess.run([program, "-n", node.name, *arguments], env=node.environment(), cwd=node.directory, check=False).returncode


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return run(RabbitNode(Path(arguments[0])), *arguments[1:])
    except NodeError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
