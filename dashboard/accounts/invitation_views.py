"""The page that a one-time link leads to: the person sets their password, and logs in with it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from dashboard import queries, store
from dashboard.models import Invitation
from dashboard.people.audited import audited


@never_cache
@sensitive_post_parameters()
def page(request: HttpRequest) -> HttpResponse:
    """410 for a link that no longer works, which does not show whose it was."""
    invitation = queries.invitation(request.GET.get("token", ""), timezone.now())
    if invitation is None:
        return render(request, "accounts/invitation_over.html", status=410)
    problems: list[str] = []
    if request.method == "POST":
        problems = _problems(invitation, request.POST.get("password1", ""), request.POST.get("password2", ""))
        if not problems and _accept(invitation, request.POST["password1"]):
            messages.success(request, "Your password is set. Log in with it.")
            return redirect("account_login")
    context = {"invitation": invitation, "problems": problems, "rules": password_validators_help_texts()}
    return render(request, "accounts/invitation.html", context, status=422 if problems else 200)


def _accept(invitation: Invitation, password: str) -> bool:
    with audited(invitation.user, "accept invitation", name=invitation.user.username) as act:
        accepted = store.accept_invitation(invitation, password)
        if not accepted:
            act.failed("the link was used meanwhile")
    return accepted


def _problems(invitation: Invitation, password: str, again: str) -> list[str]:
    if password != again:
        return ["The two passwords are not the same."]
    try:
        validate_password(password, invitation.user)
    except ValidationError as error:
        return list(error.messages)
    return []
