"""`manage.py people`: people without a page. A password is read from standard input, never from an argument, which every process list shows; where there
is none, a new person gets a link that is good once."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from dashboard import queries, store
from dashboard.models import Granted, User
from dashboard.operations.database_state import refuse_unprepared
from dashboard.people import access, origin, places
from dashboard.people.origin import Origin
from dashboard.store import rights


class Command(BaseCommand):
    help = "Adds, lists and disables people, sets passwords and lifts delays after wrong ones."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        doing = parser.add_subparsers(dest="doing", required=True, metavar="add|list|disable|enable|password|unlock")
        add = doing.add_parser("add", help="add a person, or give one more role; the password of a new one is read from standard input, else a link is printed")
        add.add_argument("name")
        add.add_argument("--role", required=True, help=f"{', '.join(access.ROLES)}, or one made on the page People")
        for place in places.FIELDS:
            add.add_argument(f"--{place}", default="", metavar="PATTERN", help="only there; a name, or a pattern with * and ?")
        doing.add_parser("list", help="everybody, with their roles")
        for name, does in (
            ("disable", "log a person out everywhere, and let them in no more"),
            ("enable", "let them in again"),
            ("password", "set a new password, read from standard input"),
            ("unlock", "lift the delay after wrong passwords"),
        ):
            doing.add_parser(name, help=does).add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unprepared()
        doing = options["doing"]
        with origin.of(Origin(via=origin.COMMAND)):
            if doing == "list":
                self._list()
            elif doing == "add":
                self._add(options["name"], options["role"], _place(options))
            else:
                getattr(self, f"_{doing}")(self._person(options["name"]))

    def _list(self) -> None:
        for person in queries.people():
            roles = "; ".join(_granted_text(one) for one in person.granted.all())
            roles = "; ".join(filter(None, ("admin (superuser)" if person.is_superuser else "", roles))) or "no role"
            self.stdout.write(f"{person.username}\t{'active' if person.is_active else 'disabled'}\t{roles}")

    def _add(self, name: str, role: str, place: dict[str, str]) -> None:
        if role not in queries.role_names():
            raise CommandError(f"--role: there is no role {role}; there are {', '.join(queries.role_names())}.")
        known = queries.person(name)
        new, person = known is None, known or self._new(name)
        granted = rights.grant(person, role, timezone.now(), **place)
        store.audit(None, "grant role", store.DONE, timezone.now(), user_name="command line", name=name, detail={"role": _granted_text(granted)})
        self.stdout.write(f"{name} is {_granted_text(granted)}.")
        if new and not person.has_usable_password():
            self._link(person)

    def _new(self, name: str) -> User:
        try:
            User(username=name).clean_fields(exclude=["password"])
            person = rights.add_person(name, _optional_password(User(username=name)))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except IntegrityError:
            raise CommandError(f"There is a person {name} already.") from None
        store.audit(None, "add person", store.DONE, timezone.now(), user_name="command line", name=name)
        return person

    def _disable(self, person: User) -> None:
        self._set_active(person, active=False)

    def _enable(self, person: User) -> None:
        self._set_active(person, active=True)

    def _set_active(self, person: User, *, active: bool) -> None:
        try:
            rights.set_active(person, active)
        except rights.LastManager as error:
            raise CommandError(str(error)) from None
        store.audit(None, "enable person" if active else "disable person", store.DONE, timezone.now(), user_name="command line", name=person.username)
        self.stdout.write(f"{person.username} is {'active' if active else 'disabled'}.")

    def _password(self, person: User) -> None:
        try:
            rights.set_password(person, _password(person))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        store.audit(None, "change password", store.DONE, timezone.now(), user_name="command line", name=person.username)
        self.stdout.write(f"The password of {person.username} is changed.")

    def _link(self, person: User) -> None:
        token = store.invite(person, timezone.now())
        store.audit(None, "invite person", store.DONE, timezone.now(), user_name="command line", name=person.username)
        site = settings.PUBLIC_URL.rstrip("/") or f"http://{settings.HOST}:{settings.PORT}"
        self.stdout.write(f"Send {person.username} this link. It sets a password once, within {store.INVITATION_LASTS.days} days:")
        self.stdout.write(f"{site}/invitation/?token={token}")

    def _unlock(self, person: User) -> None:
        lifted = store.unlock(person.username)
        store.audit(None, "unlock", store.DONE, timezone.now(), user_name="command line", name=person.username)
        self.stdout.write(f"{person.username} need not wait to log in." if lifted else f"{person.username} did not have to wait.")

    def _person(self, name: str) -> User:
        found = queries.person(name)
        if found is None:
            raise CommandError(f"There is no person {name}; `manage.py people list` shows everybody.")
        return found


def _password(person: User) -> str:
    """One line of standard input. Raises ValidationError with what is wrong with it."""
    given = sys.stdin.readline().rstrip("\n")
    if not given:
        raise ValidationError("The password is read from standard input, one line; there was none.")
    validate_password(given, person)
    return given


def _optional_password(person: User) -> str | None:
    """The same; None where nothing is given, as on a terminal."""
    given = "" if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if given:
        validate_password(given, person)
    return given or None


def _place(options: dict[str, Any]) -> dict[str, str]:
    """The patterns of the place. Raises CommandError with what is wrong about one."""
    patterns, problems = places.entered(options)
    if problems:
        raise CommandError(" ".join(f"--{name}: {problem}" for name, problem in problems.items()))
    return patterns


def _granted_text(granted: Granted) -> str:
    """ "viewer on prod, in /shop, of queues orders.*"."""
    return f"{granted.role.group.name} {places.place_text(granted.broker, granted.vhost, granted.queue)}"
