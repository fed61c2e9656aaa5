"""Files that are written while they are read, compressed on their way to a browser."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from dashboard.compression import OneStreamGZipMiddleware

GZIP = zlib.MAX_WBITS + 16


async def pieces() -> AsyncIterator[str]:
    for piece in ("uuid,name\r\n", "", "one,pay\r\n"):
        yield piece


def answered(accepts: str, headers: dict[str, str] | None = None) -> StreamingHttpResponse:
    def answer(request: HttpRequest) -> HttpResponse:
        return StreamingHttpResponse(pieces(), headers=headers)  # type: ignore[return-value]

    return OneStreamGZipMiddleware(answer)(RequestFactory().get("/", headers={"Accept-Encoding": accepts}))  # type: ignore[return-value]


@async_to_sync
async def sent(response: StreamingHttpResponse) -> list[bytes]:
    return [piece async for piece in response]


def test_a_file_is_one_gzip_stream_of_which_each_piece_can_be_read_when_it_comes() -> None:
    response = answered("br, gzip")
    browser = zlib.decompressobj(GZIP)  # reads one stream, as browsers do
    assert response.headers["Content-Encoding"] == "gzip"
    assert [browser.decompress(piece) for piece in sent(response)] == [b"uuid,name\r\n", b"", b"one,pay\r\n", b""]
    assert (browser.eof, browser.unused_data) == (True, b"")


def test_a_browser_that_takes_no_gzip_and_a_response_with_an_encoding_of_its_own_get_it_as_it_is() -> None:
    for response in (answered("br"), answered("gzip", {"Content-Encoding": "br"})):
        assert sent(response) == [b"uuid,name\r\n", b"", b"one,pay\r\n"]
