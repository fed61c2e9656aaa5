"""What managers do with people. Each function changes one thing, records it, and returns a sentence for the page."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from dashboard import store
from dashboard.accounts.access import done
from dashboard.accounts.people_page import GrantedRow, RoleForm
from dashboard.models import Granted, User
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
        user = rights.add_person(form.name, None)
    except ValidationError as error:
        form.problems["name"] = " ".join(error.messages)
        return None
    except IntegrityError:
        form.problems["name"] = f"There is a person {form.name} already."
        return None
    done(request, "add person", user.username)
    grant(request, user, form)
    return user


def grant(request: HttpRequest, user: User, form: RoleForm) -> str:
    row = GrantedRow(rights.grant(user, form.role, timezone.now(), **form.patterns))
    done(request, ACTIONS["grant"], user.username, role=row.role, place=row.place)
    return f"{user.username} is {row.role} {row.place}."


def take_back(request: HttpRequest, granted: Granted) -> str:
    """Raises LastManager."""
    row = GrantedRow(granted)
    rights.take_back(granted)
    done(request, ACTIONS["take-back"], granted.user.username, role=row.role, place=row.place)
    return f"{granted.user.username} is no longer {row.role} {row.place}."


def invite(request: HttpRequest, user: User) -> str:
    """The address at which the person sets their password, once."""
    plain = store.invite(user, timezone.now())
    done(request, ACTIONS["invite"], user.username)
    return f"{request.build_absolute_uri(reverse('invitation'))}?token={plain}"


def disable(request: HttpRequest, user: User) -> str:
    """Raises LastManager."""
    rights.set_active(user, False)
    store.end_other_sessions(user.pk, None)
    done(request, ACTIONS["disable"], user.username)
    return f"{user.username} is disabled: logged out everywhere, and their tokens are refused."


def enable(request: HttpRequest, user: User) -> str:
    rights.set_active(user, True)
    done(request, ACTIONS["enable"], user.username)
    return f"{user.username} may log in again."


def log_out(request: HttpRequest, user: User) -> str:
    number = store.end_other_sessions(user.pk, None)
    done(request, ACTIONS["log-out"], user.username, sessions=number)
    return f"{user.username} is logged out everywhere."


def forget_factors(request: HttpRequest, user: User) -> str:
    store.forget_second_factors(user.pk)
    done(request, ACTIONS["forget-factors"], user.username)
    return f"{user.username} logs in with the password alone until they set up a second factor again."


BUTTONS = {"disable": disable, "enable": enable, "log-out": log_out, "forget-factors": forget_factors}
