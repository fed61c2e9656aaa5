"""Where daphne enters: HTTP to Django, web sockets from our own origin to LiveConsumer."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
django.setup(set_prefix=False)

from dashboard.request_threads import RequestHandler  # noqa: E402  (Django's apps must be ready)

django_application = RequestHandler()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from channels.sessions import SessionMiddlewareStack  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import path  # noqa: E402

from dashboard import path_prefix, proxies  # noqa: E402
from dashboard.live.process import LiveProcess  # noqa: E402
from dashboard.live.renewal import RENEWAL  # noqa: E402
from dashboard.live.sockets import LiveConsumer  # noqa: E402
from dashboard.why.warm import WARMER  # noqa: E402

BACKGROUND = (RENEWAL, WARMER)
for background in BACKGROUND:
    background.start()


def noticed() -> None:
    """Something was stored."""
    for background in BACKGROUND:
        background.notice()


LiveProcess.noticed = noticed

application = proxies.behind_proxies(
    path_prefix.under_prefix(
        ProtocolTypeRouter(
            {
                "http": django_application,
                "websocket": AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter([path("ws/live/", LiveConsumer.as_asgi())]))),
            }
        ),
        settings.PATH_PREFIX,
    ),
    settings.TRUSTED_PROXIES,
    settings.PROXY_USER_HEADER,
)
