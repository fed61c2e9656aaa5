"""What is to be sent once, checked. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from workers.sending.send_options import Options


class Order(msgspec.Struct, frozen=True):
    """`args_text` and `kwargs_text` are the JSON as it was written; `usual` is why an empty queue became this one, "" if it was set."""

    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: Options
    args_text: str
    kwargs_text: str
    usual: str = ""
