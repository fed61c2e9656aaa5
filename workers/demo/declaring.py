"""Declares the shop at a broker that is not script/demo's own, over its management API; compose.yaml runs it once before the workers."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

DEFINITIONS = Path(__file__).with_name("definitions.json")


def wanted(user: str) -> dict[str, Any]:
    """The shop's definitions, in whose virtual hosts the user may do everything."""
    found: dict[str, Any] = json.loads(DEFINITIONS.read_text(encoding="utf-8"))
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    found["permissions"] = [{"user": user, "vhost": vhost["name"], **everything} for vhost in found["vhosts"]]
    return found


def declare(management_url: str, ended: threading.Event) -> bool:
    """Makes what is missing, as soon as the broker takes it; False if `ended` before."""
    url = urlsplit(management_url)
    user, password = unquote(url.username or ""), unquote(url.password or "")
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    address = url._replace(netloc=url.netloc.rpartition("@")[2], path=f"{url.path.rstrip('/')}/api/definitions").geturl()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    while not ended.is_set():
        request = urllib.request.Request(address, json.dumps(wanted(user)).encode(), headers)  # noqa: S310  (an address of whoever runs the demo)
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                return True
        except OSError:
            ended.wait(1)
    return False
