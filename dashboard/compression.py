"""Responses as gzip where the browser takes it. A file that is written while it is read is one gzip stream; Django makes each of its pieces a stream of its
own, of which browsers read the first."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from gzip import GzipFile
from io import BytesIO
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class OneStreamGZipMiddleware(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: Any) -> HttpResponseBase:
        pieces = response.streaming_content if response.streaming and response.is_async and not response.has_header("Content-Encoding") else None
        answer: HttpResponseBase = super().process_response(request, response)
        if pieces is not None and answer.has_header("Content-Encoding"):
            response.streaming_content = compressed(pieces, self.max_random_bytes)
        return answer


async def compressed(pieces: AsyncIterator[bytes], most_random_bytes: int) -> AsyncIterator[bytes]:
    """One gzip stream; each piece can be read as soon as it was sent. A name of random length hides how well a secret compressed (BREACH), as Django does."""
    buffer = BytesIO()
    with GzipFile("a" * secrets.randbelow(most_random_bytes), "wb", compresslevel=6, fileobj=buffer, mtime=0) as stream:
        async for piece in pieces:
            stream.write(piece)
            stream.flush()
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: BytesIO) -> bytes:
    data = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return data
