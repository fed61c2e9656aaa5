"""Limits of login behind a trusted proxy: each client has its own, and nobody gets a fresh one by a header."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from asgiref.testing import ApplicationCommunicator
from django.utils import timezone

from dashboard import proxies
from dashboard.models import LoginDelay, User
from tests.live.watching import in_database

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a long enough one"
PROXY = "10.0.0.1"


class Browser:
    """Somebody at `peer` who may send headers of their own; what answers is Hareline behind PROXY."""

    def __init__(self, peer: str, **headers: str) -> None:
        self.peer = peer
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.cookies: SimpleCookie = SimpleCookie()

    async def call(self, method: str, body: str = "") -> int:
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        from dashboard.asgi import django_application  # starts threads, which the process that collects must not have

        headers = [(b"host", b"localhost"), (b"cookie", cookie.encode()), (b"content-type", b"application/x-www-form-urlencoded"), *self.headers]
        headers += [(b"content-length", str(len(body)).encode()), (b"origin", b"https://localhost")]
        http_scope = {"type": "http", "method": method, "path": "/login/", "query_string": b"", "headers": headers, "client": [self.peer, 1], "scheme": "http"}
        application = ApplicationCommunicator(proxies.behind_proxies(django_application, proxies.parse(PROXY)), http_scope)
        await application.send_input({"type": "http.request", "body": body.encode()})
        answer = await application.receive_output(10)
        for name, value in answer["headers"]:
            if name.lower() == b"set-cookie":
                self.cookies.load(value.decode())
        await application.wait(60)
        return int(answer["status"])

    async def log_in(self, password: str, login: str = "ada") -> int:
        """302: in; 200: the form again; 429: too many tries; 403: the request is not believed to come from our page."""
        await self.call("GET")
        return await self.call("POST", urlencode({"login": login, "password": password, "csrfmiddlewaretoken": self.cookies["hareline_csrf"].value}))


@pytest_asyncio.fixture(autouse=True)
async def ada() -> None:
    await in_database(User.objects.create_superuser, "ada", password=PASSWORD)


async def wrong_tries(*browsers: Browser) -> None:
    """After them it takes longer than the test until another try counts."""
    for browser in browsers:
        await browser.log_in("wrong")
    await in_database(LoginDelay.objects.exclude(name="").update, free_at=timezone.now() + timedelta(minutes=10))


async def test_wrong_passwords_of_one_client_make_no_other_wait() -> None:
    await wrong_tries(*[Browser(PROXY, x_forwarded_for="203.0.113.9", x_forwarded_proto="https")] * 5)
    assert await Browser(PROXY, x_forwarded_for="203.0.113.9", x_forwarded_proto="https").log_in(PASSWORD) == 429
    assert await Browser(PROXY, x_forwarded_for="203.0.113.10", x_forwarded_proto="https").log_in(PASSWORD) == 302


async def test_a_header_gives_nobody_fresh_tries() -> None:
    await wrong_tries(*(Browser(PROXY, x_forwarded_for=f"198.51.100.{number}, 203.0.113.9", x_forwarded_proto="https") for number in range(5)))
    assert await Browser(PROXY, x_forwarded_for="198.51.100.77, 203.0.113.9", x_forwarded_proto="https").log_in(PASSWORD) == 429


async def test_the_scheme_of_a_stranger_does_not_count() -> None:
    assert await Browser(PROXY, x_forwarded_for="203.0.113.9", x_forwarded_proto="https").log_in(PASSWORD) == 302
    assert await Browser("203.0.113.9", x_forwarded_proto="https").log_in(PASSWORD) == 403  # a page of https is another site than ours
