"""Where daphne enters: HTTP to Django, web sockets of logged-in people from our own origin to LiveConsumer."""

from __future__ import annotations

import os
import re

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (Django's apps must be ready)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from dashboard import proxies  # noqa: E402
from dashboard.live.sockets import LiveConsumer  # noqa: E402

_prefix = re.escape((settings.FORCE_SCRIPT_NAME or "").strip("/") + "/").lstrip("/")
LIVE_PATH = rf"^(?:{_prefix})?ws/live/$"  # a proxy may keep or take away the prefix of HARELINE_PUBLIC_URL
application = proxies.behind_proxies(
    ProtocolTypeRouter(
        {
            "http": django_application,
            "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter([re_path(LIVE_PATH, LiveConsumer.as_asgi())]))),
        }
    ),
    settings.TRUSTED_PROXIES,
)
