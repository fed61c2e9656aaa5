"""Who gets an account: nobody by themselves. Accounts are made by an admin or at start."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {"username_password_mismatch": "The user name or the password is wrong."}

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address as `dashboard.proxies` found it; whoever comes through a unix socket without one is on this machine."""
        return str(request.META.get("REMOTE_ADDR") or "127.0.0.1")
