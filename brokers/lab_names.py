"""The names of the virtual hosts that the messaging lab makes, of this installation or of another. Pure."""

from __future__ import annotations

import re

_NAME = re.compile(r"hareline\.[0-9a-z]+\.lab\.[0-9]+", re.ASCII)


def prefix(installation: str) -> str:
    """How the names of an installation's virtual hosts of the lab begin.

    >>> prefix("7f3a")
    'hareline.7f3a.lab.'
    """
    return f"hareline.{installation}.lab."


def is_of_lab(vhost: str) -> bool:
    """Whether a virtual host is an experiment's, in which whatever is wrong or changes is intended.

    >>> is_of_lab("hareline.7f3a.lab.12"), is_of_lab("hareline.shop"), is_of_lab("/")
    (True, False, False)
    """
    return _NAME.fullmatch(vhost) is not None
