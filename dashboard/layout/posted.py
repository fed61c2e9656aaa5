"""How large a posted form is, known before it is read."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from dashboard.layout import formatting


def too_large(request: HttpRequest) -> str:
    """A sentence on a body that is more than the site reads; "" for one that may be read."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    size, limit = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    return f"The form came with {formatting.data_size(size)}; at most {formatting.data_size(limit)} are read" if size > limit else ""
