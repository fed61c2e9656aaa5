"""The pages `/people/` and of one person; for who may manage people."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard import queries, store
from dashboard.accounts import people_action as actions
from dashboard.accounts.access import check_manager
from dashboard.accounts.people_page import MOST_LISTED, PersonRow, RoleForm
from dashboard.models import User
from dashboard.store import rights


def page(request: HttpRequest) -> HttpResponse:
    """Everybody; posted: a new person, whose link is shown this once. `?part=coverage`: how much the place of the form covers."""
    check_manager(request, "add person", request.POST.get("name", "")[:150])
    form, now, link, invited = RoleForm(request.POST.dict()), timezone.now(), "", ""
    if request.GET.get("part") == "coverage":
        return render(request, "accounts/_coverage.html", {"form": form})
    if request.method == "POST" and not form.problems:
        added = actions.add(request, form)
        if added:
            link, invited, form = actions.invite(request, added), added.username, RoleForm({})
    words = request.GET.get("q", "").strip()
    total, found = queries.people_page(words, MOST_LISTED)
    failed = request.method == "POST" and not link
    context = {"rows": [PersonRow(user, now) for user in found], "total": total, "more": total - len(found), "words": words, "form": form, "link": link}
    return render(
        request, "accounts/index.html", context | {"invited": invited, "now": now, "lasts": store.INVITATION_LASTS.days}, status=422 if failed else 200
    )


def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person; posted: one more role for them."""
    user = _person(request, pk, "grant")
    form = RoleForm(request.POST.dict())
    if request.method == "POST" and not form.problems:
        messages.success(request, actions.grant(request, user, form))
        return redirect("person", pk=pk)
    return _shown(request, user, form, status=422 if request.method == "POST" else 200)


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    if action != "invite" and action not in actions.BUTTONS:
        raise Http404("There is no such action.")
    user = _person(request, pk, action)
    if action == "invite":
        return _shown(request, user, RoleForm({}), link=actions.invite(request, user))
    try:
        messages.success(request, actions.BUTTONS[action](request, user))
    except rights.LastManager as error:
        messages.error(request, str(error))
    return redirect("person", pk=pk)


@require_POST
def take_back(request: HttpRequest, pk: int, granted: int) -> HttpResponse:
    _person(request, pk, "take-back")
    found = queries.granted_of(pk, granted)
    if found is None:
        raise Http404("They do not have this role, or it was taken back.")
    try:
        messages.success(request, actions.take_back(request, found))
    except rights.LastManager as error:
        messages.error(request, str(error))
    return redirect("person", pk=pk)


def _shown(request: HttpRequest, user: User, form: RoleForm, *, link: str = "", status: int = 200) -> HttpResponse:
    now = timezone.now()
    context = {"row": PersonRow(user, now), "sessions": len(queries.sessions_of(user.pk)), "form": form, "link": link, "now": now}
    return render(request, "accounts/person.html", context | {"lasts": store.INVITATION_LASTS.days}, status=status)


def _person(request: HttpRequest, pk: int, action: str) -> User:
    user = queries.person_with_facts(pk)
    check_manager(request, actions.ACTIONS[action], user.username if user else "")
    if user is None:
        raise Http404("There is no such person.")
    return user
