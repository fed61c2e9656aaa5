"""Strangers who open hundreds of sockets at once are refused, memory stays as it is, and pages stay live. A socket that never stops sending is closed."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import websockets
from playwright.sync_api import Page

from dashboard.live.limited_socket import TOO_FAST
from dashboard.live.sockets import LOGGED_OUT
from tests.browser.conftest import Stack
from tests.browser.test_journeys import live
from tests.browser.test_limits import forget_most, most_megabytes

SOCKETS = 500
MOST_MEGABYTES = 40


async def ends(address: str, headers: dict[str, str]) -> int:
    """The status of the handshake, or the code with which the socket was closed before anything came."""
    try:
        async with websockets.connect(address, additional_headers=headers, open_timeout=None, proxy=None) as link:
            try:
                return len(await link.recv())
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 0
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


def all_ends(stack: Stack, sockets: int) -> Counter[int]:
    with ThreadPoolExecutor(1) as thread:  # the browser's driver has a loop in this one
        return thread.submit(lambda: asyncio.run(_all_ends(stack, sockets))).result()


async def _all_ends(stack: Stack, sockets: int) -> Counter[int]:
    address, at_once = stack.url.replace("http", "ws") + "/ws/live/", asyncio.Semaphore(100)

    async def one(number: int) -> int:
        invented = {"Cookie": f"hareline_session={number:032x}"} if number % 2 else {}
        async with at_once:
            return await ends(address, {"Origin": stack.url, **invented})

    return Counter(await asyncio.gather(*(one(number) for number in range(sockets))))


@pytest.mark.nightly
def test_five_hundred_sockets_of_strangers_are_refused_while_a_page_stays_live(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/queues/?{stack.here}")
    live(page)
    all_ends(stack, 20)  # what the first of them load stays in memory
    pid = stack.hareline.processes[0].pid
    forget_most(pid)
    before = most_megabytes(pid)
    assert all_ends(stack, 2 * SOCKETS) == {403: SOCKETS, LOGGED_OUT: SOCKETS}
    assert most_megabytes(pid) < before + MOST_MEGABYTES
    stack.publish("mail")
    live(page)
    page.locator(f"#queue-{stack.id_of(page, 'queues', 'mail')} [data-text=depth]", has_text="1").wait_for()


async def _flooded(address: str, headers: dict[str, str]) -> tuple[str, int]:
    """Sends frames until the socket is closed; the last answer, and the code."""
    async with websockets.connect(address, additional_headers=headers, open_timeout=None, ping_interval=None, proxy=None) as link:
        answer = asyncio.ensure_future(link.recv())
        try:
            while True:
                await link.send("{}")
                await asyncio.sleep(0)
        except websockets.ConnectionClosed as closed:
            return str(await answer), closed.rcvd.code if closed.rcvd else 0


def test_a_flood_of_frames_is_closed_with_the_reason_and_no_traceback(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/login/")
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    log = stack.hareline.directory / "web.log"
    before = log.stat().st_size
    with ThreadPoolExecutor(1) as thread:
        address, headers = stack.url.replace("http", "ws") + "/ws/live/", {"Origin": stack.url, "Cookie": cookies}
        answer, code = thread.submit(lambda: asyncio.run(_flooded(address, headers))).result()
    assert code == TOO_FAST and "frames a second" in answer
    assert b"Traceback" not in log.read_bytes()[before:]
