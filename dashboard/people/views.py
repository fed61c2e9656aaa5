"""Logging in, logging out and changing one's password: the three of allauth's pages that we offer, the rest is not mounted."""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.views.generic.edit import FormView

from dashboard.models import User
from dashboard.people import known_browser
from dashboard.people.accounts import TOO_EARLY


class LoginView(allauth_views.LoginView):
    """Says the same for a wrong name, a wrong password and an account that is switched off."""

    def form_valid(self, form: Any) -> HttpResponse:
        if not form.user.is_active:
            form.add_error(None, get_adapter().validation_error("username_password_mismatch"))
            return self.form_invalid(form)
        response = super().form_valid(form)
        known_browser.remember(self.request, response, form.cleaned_data["login"])
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """429 if the password was not checked yet, with the seconds until it may be."""
        response: HttpResponse = super().form_invalid(form)
        for error in form.errors.as_data().get(NON_FIELD_ERRORS, ()):
            if error.code == TOO_EARLY:
                response.status_code = 429
                response.headers["Retry-After"] = str(error.params["seconds"])
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """FormView's context: allauth adds links to its sign-up pages, which don't exist here."""
        return FormView.get_context_data(self, **kwargs) | {"next": self.get_next_url() or "", "providers": settings.OIDC_PROVIDERS}


class PasswordChangeView(allauth_views.PasswordChangeView):
    success_url = reverse_lazy("overview")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """404 for a person who has no password: allauth's page on which one is set is not mounted."""
        if isinstance(request.user, User) and not request.user.has_usable_password():
            raise Http404("There is no password to change: you log in without one.")
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response


login = LoginView.as_view()
logout = allauth_views.logout
change_password = PasswordChangeView.as_view()
