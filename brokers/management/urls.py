"""The URLs of requests to the management API and to Prometheus plugins. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def encoding(url: str) -> str:
    """gzip, which makes lists 20 times smaller; but not on this very machine, where it only costs the broker a half more CPU."""
    return "identity" if urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1") else "gzip"


def metrics_base(metrics_url: str) -> tuple[str, tuple[str, str] | None]:
    """The address of a Prometheus plugin as somebody configured it, without a path, and the login in it.

    >>> metrics_base("http://ann:secret@mq:15692/metrics/detailed")
    ('http://mq:15692', ('ann', 'secret'))
    """
    url = urlsplit(metrics_url)
    path = url.path.rstrip("/").removesuffix("/detailed").removesuffix("/metrics")
    base = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], path, "", ""))
    return base, (url.username or "", url.password or "") if "@" in url.netloc else None


def of_vhost(kind: str, vhost: str | None) -> str:
    """The path of a list, of a virtual host or of all.

    >>> of_vhost("bindings", "/"), of_vhost("bindings", None)
    ('/api/bindings/%2F', '/api/bindings')
    """
    return f"/api/{kind}" if vhost is None else f"/api/{kind}/{quoted(vhost)}"
