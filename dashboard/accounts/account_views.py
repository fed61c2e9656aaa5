"""The page of one's own account, and its buttons: sessions ended, API tokens made and revoked."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard import queries, store
from dashboard.accounts.account_page import TokenForm, context_of
from dashboard.models import User
from dashboard.people import places
from dashboard.people.audited import audited


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return _shown(request, TokenForm(_user(request), {}, ()))


@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """Makes a token, which is shown this once. `?part=coverage`: how much the place of the form covers."""
    user, now = _user(request), timezone.now()
    form = TokenForm(user, request.POST.dict(), request.POST.getlist("actions"))
    if request.GET.get("part") == "coverage":
        return render(request, "accounts/_coverage.html", {"form": form})
    if not form.check():
        return _shown(request, form, status=422)
    with audited(user, "make token", name=form.name, actions=sorted(form.chosen), place=places.place_text(**form.patterns)):
        plain = store.add_token(user.pk, form.name, now, form.expires_at(now), form.chosen, form.patterns)
    return _shown(request, TokenForm(user, {}, ()), token=plain)


@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    user = _user(request)
    name = next((token.name for token in queries.tokens_of(user.pk) if token.pk == pk), None)
    if name is None:
        raise Http404("There is no such token of yours.")
    with audited(user, "revoke token", name=name):
        store.revoke_token(user.pk, pk)
    messages.success(request, f"Revoked: {name}. Calls with it are refused from now on.")
    return redirect("account")


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    user = _user(request)
    if pk not in [session.pk for session in queries.sessions_of(user.pk)]:
        raise Http404("There is no such session of yours.")
    with audited(user, "end session"):
        store.end_session(user.pk, pk)
    messages.success(request, "That browser is logged out.")
    return redirect("account")


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    with audited(request.user, "end other sessions") as act:
        act.detail["sessions"] = store.end_other_sessions(_user(request).pk, request.session.session_key)
    messages.success(request, "You are logged out everywhere but here.")
    return redirect("account")


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  (the middleware lets nobody else in)
    return request.user


def _shown(request: HttpRequest, form: TokenForm, *, token: str = "", status: int = 200) -> HttpResponse:
    user, now = _user(request), timezone.now()
    context = context_of(user, request.session.session_key, now) | {"form": form, "token": token, "now": now}
    return render(request, "accounts/account.html", context, status=status)
