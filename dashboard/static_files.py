"""Static files under hashed names, so that browsers may keep them for ever; ES module imports are rewritten too."""

from __future__ import annotations

from typing import Any

import brotli
from servestatic.compress import Compressor
from servestatic.storage import CompressedManifestStaticFilesStorage

LARGE_BYTES = 500_000
LARGE_QUALITY = 5


class QuickCompressor(Compressor):
    """Large files at a lower quality: the layout worker of the map would cost 5 s of each first start for an eighth of its bytes."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=LARGE_QUALITY if len(data) > LARGE_BYTES else 11))


class HashedStorage(CompressedManifestStaticFilesStorage):
    support_js_module_import_aggregation = True

    def create_compressor(self, **kwargs: Any) -> Compressor:
        return QuickCompressor(**kwargs)
