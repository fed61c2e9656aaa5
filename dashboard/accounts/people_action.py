"""What managers do with people. Each function changes one thing, records it, and returns a sentence for the page."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from dashboard import store
from dashboard.accounts.people_page import GrantedRow, RoleForm
from dashboard.models import Granted, User
from dashboard.people import places
from dashboard.people.audited import audited
from dashboard.store import rights

ACTIONS = {
    "disable": "disable person",
    "enable": "enable person",
    "invite": "invite person",
    "grant": "grant role",
    "take-back": "take back role",
    "log-out": "log out person",
    "forget-factors": "remove second factors",
}


def add(request: HttpRequest, form: RoleForm) -> User | None:
    """The new person with their role, still without a password; None with `form.problems` where there can't be one of that name."""
    try:
        User(username=form.name).clean_fields(exclude=["password"])
        with audited(request.user, "add person", name=form.name):
            user = rights.add_person(form.name, None)
    except ValidationError as error:
        form.problems["name"] = " ".join(error.messages)
        return None
    except IntegrityError:
        form.problems["name"] = f"There is a person {form.name} already."
        return None
    grant(request, user, form)
    return user


def grant(request: HttpRequest, user: User, form: RoleForm) -> str:
    place = places.place_text(**form.patterns)
    with audited(request.user, ACTIONS["grant"], name=user.username, role=form.role, place=place):
        rights.grant(user, form.role, timezone.now(), **form.patterns)
    return f"{user.username} is {form.role} {place}."


def take_back(request: HttpRequest, granted: Granted) -> str:
    """Raises LastManager."""
    row = GrantedRow(granted)
    with audited(request.user, ACTIONS["take-back"], name=granted.user.username, role=row.role, place=row.place):
        rights.take_back(granted)
    return f"{granted.user.username} is no longer {row.role} {row.place}."


def invite(request: HttpRequest, user: User) -> str:
    """The address at which the person sets their password, once."""
    with audited(request.user, ACTIONS["invite"], name=user.username):
        plain = store.invite(user, timezone.now())
    return f"{request.build_absolute_uri(reverse('invitation'))}?token={plain}"


def disable(request: HttpRequest, user: User) -> str:
    """Raises LastManager."""
    with audited(request.user, ACTIONS["disable"], name=user.username):
        rights.set_active(user, False)
        store.end_other_sessions(user.pk, None)
    return f"{user.username} is disabled: logged out everywhere, and their tokens are refused."


def enable(request: HttpRequest, user: User) -> str:
    with audited(request.user, ACTIONS["enable"], name=user.username):
        rights.set_active(user, True)
    return f"{user.username} may log in again."


def log_out(request: HttpRequest, user: User) -> str:
    with audited(request.user, ACTIONS["log-out"], name=user.username) as act:
        act.detail["sessions"] = store.end_other_sessions(user.pk, None)
    return f"{user.username} is logged out everywhere."


def forget_factors(request: HttpRequest, user: User) -> str:
    with audited(request.user, ACTIONS["forget-factors"], name=user.username):
        store.forget_second_factors(user.pk)
    return f"{user.username} logs in with the password alone until they set up a second factor again."


BUTTONS = {"disable": disable, "enable": enable, "log-out": log_out, "forget-factors": forget_factors}
