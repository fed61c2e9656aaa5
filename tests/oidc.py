"""The real OpenID Connect provider of the suite (`tests/oidc_provider.mjs`), and a person who logs in there."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

ROOT = Path(__file__).parent.parent


class OidcProvider:
    """One process, until `stop`. `people` are the claims of each, read at every login. `listening`: the socket whose address is to be its own."""

    def __init__(self, directory: Path, redirect_uri: str, *, clock_offset_seconds: int = 0, listening: socket.socket | None = None) -> None:
        self._people = directory / "people.json"
        self.people({})
        sockets = (listening.fileno(),) if listening else ()
        command = ["node", "tests/oidc_provider.mjs", redirect_uri, str(self._people), str(clock_offset_seconds), *map(str, sockets)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, pass_fds=sockets)
        assert self._process.stdout
        self.issuer = self._process.stdout.readline().strip()
        assert self.issuer, "it ended"

    def people(self, claims: dict[str, Any]) -> None:
        self._people.write_text(json.dumps(claims))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdout
        self._process.stdout.close()


def log_in_there(address: str, name: str, back: str) -> str:
    """Where the provider sends the browser back to, once the person has logged in and agreed on its pages."""
    with requests.Session() as browser:
        answer = browser.get(address, allow_redirects=False, timeout=30)
        for _ in range(12):
            if answer.is_redirect:
                target = urljoin(answer.url, answer.headers["Location"])
                if target.startswith(back):
                    return target
                answer = browser.get(target, allow_redirects=False, timeout=30)
                continue
            form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert form, answer.text
            prompt = "login" if 'value="login"' in answer.text else "consent"
            entered = {"prompt": prompt, "login": name, "password": "any"}
            answer = browser.post(urljoin(answer.url, unescape(form[1])), entered, allow_redirects=False, timeout=30)
    raise AssertionError("the provider never sent the browser back")
