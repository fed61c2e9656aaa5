"""Every address of the site. The API's own are in `dashboard.api.routes`, the web socket's in `dashboard.asgi`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from dashboard.api.routes import api
from dashboard.views import account, exchange, exchanges, glossary, health, overview, peek, queue, queues, routing, send, task, tasks, theme, worker, workers

urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview.page, name="overview"),
    path("queues/", queues.page, name="queues"),
    path("queues/<int:pk>/", queue.page, name="queue"),
    path("queues/<int:pk>/messages/", peek.page, name="peek"),
    path("exchanges/", exchanges.page, name="exchanges"),
    path("exchanges/<int:pk>/", exchange.page, name="exchange"),
    path("workers/", workers.page, name="workers"),
    path("workers/<int:pk>/", worker.page, name="worker"),
    path("tasks/", tasks.page, name="tasks"),
    path("tasks/<int:pk>/", task.page, name="task"),
    path("routing/", routing.page, name="routing"),
    path("send/", send.page, name="send"),
    path("send/now/", send.now, name="send_now"),
    path("glossary/", glossary.page, name="glossary"),
    path("theme/", theme.choose, name="theme"),
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("password/change/", account.change_password, name="account_change_password"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/", api.urls),
]
