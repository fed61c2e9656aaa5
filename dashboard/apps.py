"""The app a browser sees: pages, live sockets, the HTTP API, people and what they did."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from dashboard import audit_of_logins, checks  # noqa: F401  (register signal receivers and system checks)
