"""The app a browser sees: pages, live sockets, the HTTP API, people and what they did."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from dashboard import checks  # noqa: F401  (registers system checks)
        from dashboard.people import audit  # noqa: F401  (registers signal receivers)
