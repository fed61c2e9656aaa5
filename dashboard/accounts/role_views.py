"""The page of roles: those that are always there, and those that managers make, change and remove."""

from __future__ import annotations

from typing import get_args

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from brokers.characters import is_storable
from dashboard import queries
from dashboard.accounts.access import check_manager
from dashboard.models import Role
from dashboard.people.access import ACTION_TEXTS, ROLES, Action
from dashboard.people.audited import audited
from dashboard.store import rights

LONGEST_NAME = 100


def page(request: HttpRequest) -> HttpResponse:
    """All roles; posted: a new one."""
    name = request.POST.get("name", "").strip()
    check_manager(request, "save role", name[:LONGEST_NAME])
    problem = ""
    if request.method == "POST":
        problem = _problem(name)
        if not problem:
            _save(request, name)
            return redirect("roles")
    return _shown(request, name, problem, _chosen(request))


def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One that was made; posted: it is changed for everybody who has it."""
    role = _role(request, pk, "save role")
    if request.method != "POST":
        return _shown(request, role.group.name, "", role.allowed(), role)
    try:
        _save(request, role.group.name)
    except rights.LastManager as error:
        messages.error(request, str(error))
    return redirect("roles")


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    role = _role(request, pk, "remove role")
    try:
        with audited(request.user, "remove role", name=role.group.name):
            rights.remove_role(role.group.name)
        messages.success(request, f"{role.group.name} is removed, and taken back from everybody who had it.")
    except rights.LastManager as error:
        messages.error(request, str(error))
    return redirect("roles")


def _shown(request: HttpRequest, name: str, problem: str, chosen: frozenset[Action], role: Role | None = None) -> HttpResponse:
    always = [(each, [ACTION_TEXTS[action] for action in get_args(Action) if action in actions]) for each, actions in ROLES.items()]
    made = [(each, [ACTION_TEXTS[action] for action in get_args(Action) if action in each.allowed()]) for each in queries.own_roles()]
    actions = [(action, text, action in chosen) for action, text in ACTION_TEXTS.items()]
    context = {"always": always, "made": made, "actions": actions, "role": role, "name": name, "problem": problem}
    return render(request, "accounts/roles.html", context, status=422 if problem else 200)


def _problem(name: str) -> str:
    if not name or len(name) > LONGEST_NAME or not is_storable(name):
        return f"A name of up to {LONGEST_NAME} characters is needed."
    return f"There is a role {name} already." if name in queries.role_names() else ""


def _save(request: HttpRequest, name: str) -> None:
    actions = _chosen(request)
    with audited(request.user, "save role", name=name, actions=sorted(actions)):
        rights.save_role(name, actions)
    messages.success(request, f"{name} is stored.")


def _chosen(request: HttpRequest) -> frozenset[Action]:
    given = set(request.POST.getlist("actions"))
    return frozenset(action for action in get_args(Action) if action in given)


def _role(request: HttpRequest, pk: int, action: str) -> Role:
    role = queries.own_role(pk)
    check_manager(request, action, role.group.name if role else "")
    if role is None:
        raise Http404("There is no such role, or it was removed.")
    return role
