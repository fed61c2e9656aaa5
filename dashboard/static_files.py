"""Static files under hashed names, so that browsers may keep them for ever; ES module imports are rewritten too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brotli
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from servestatic.compress import Compressor
from servestatic.middleware import ServeStaticMiddleware
from servestatic.storage import CompressedManifestStaticFilesStorage

LARGE_BYTES = 500_000
LARGE_QUALITY = 5


class StaticFilesMiddleware:
    """servestatic's own, which is asynchronous, for files alone: pages stay in their thread."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._answer, self._files = answer, ServeStaticMiddleware(sync_to_async(answer))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.SERVESTATIC_STATIC_PREFIX):
            return self._answer(request)
        found: HttpResponseBase = async_to_sync(self._files)(request)
        return found


class QuickCompressor(Compressor):
    """Large files at a lower quality: the layout worker of the map would cost 5 s of each first start for an eighth of its bytes."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=LARGE_QUALITY if len(data) > LARGE_BYTES else 11))


class HashedStorage(CompressedManifestStaticFilesStorage):
    support_js_module_import_aggregation = True

    def create_compressor(self, **kwargs: Any) -> Compressor:
        return QuickCompressor(**kwargs)
