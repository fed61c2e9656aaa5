"""The only reader of what the pages of people and accounts list: people with their last visit, sessions, tokens, invitations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from dashboard.models import ApiToken, Granted, Invitation, Role, User
from dashboard.people.access import ROLES
from dashboard.people.tokens import digest


def invitation(plain: str, now: datetime) -> Invitation | None:
    """Whose password a link sets; None if it was used, replaced or has expired, or its person was disabled."""
    return Invitation.objects.select_related("user").filter(sha256=digest(plain), expires_at__gt=now, user__is_active=True).first()


def people_page(words: str, most: int) -> tuple[int, list[User]]:
    """(how many people have this in their names, the first of them by name). Each has `last_visit`, `has_second_factor`, `number_of_tokens`."""
    found = User.objects.filter(username__icontains=words) if words else User.objects.all()
    return found.count(), list(_with_facts(found).order_by("username")[:most])


def person_with_facts(pk: int) -> User | None:
    return _with_facts(User.objects.filter(pk=pk)).first()


def granted_of(user_id: int, pk: int) -> Granted | None:
    return Granted.objects.select_related("user").filter(user_id=user_id, pk=pk).first()


def sessions_of(user_id: int) -> list[UserSession]:
    """The browsers in which the person is logged in now, the latest seen first."""
    person = User.objects.filter(pk=user_id, is_active=True).first()
    found = list(UserSession.objects.filter(user_id=user_id).order_by("-last_seen_at", "-pk")) if person else []
    stored = Session.objects.filter(session_key__in=[one.session_key for one in found], expire_date__gt=timezone.now())
    logged_in = {one.session_key for one in stored if person and _is_of(person, one.get_decoded())}
    return [one for one in found if one.session_key in logged_in]


def tokens_of(user_id: int) -> list[ApiToken]:
    """A person's own, the newest first."""
    return list(ApiToken.objects.filter(user_id=user_id).order_by("-created_at", "-pk"))


def factors_of(user_id: int) -> list[Authenticator]:
    """A person's second factors and recovery codes."""
    return list(Authenticator.objects.filter(user_id=user_id).order_by("type", "pk"))


def own_roles() -> list[Role]:
    """The roles that people made, by name, each with `number_of_people`."""
    found = Role.objects.select_related("group").exclude(group__name__in=ROLES)
    return list(found.annotate(number_of_people=Count("granted__user", distinct=True)).order_by("group__name"))


def own_role(pk: int) -> Role | None:
    found = Group.objects.filter(pk=pk)  # by its own key, which Django compares with what a key can be
    return Role.objects.select_related("group").exclude(group__name__in=ROLES).filter(group__in=found).first()


def _is_of(person: User, session: Mapping[str, Any]) -> bool:
    """True for a session of the person that their present password has not ended."""
    hashes = (person.get_session_auth_hash(), *person.get_session_auth_fallback_hash())
    return session.get(SESSION_KEY) == str(person.pk) and any(constant_time_compare(session.get(HASH_SESSION_KEY, ""), one) for one in hashes)


def _with_facts(found: QuerySet[User]) -> QuerySet[User]:
    factors = Authenticator.objects.filter(user_id=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
    return (
        found.prefetch_related("granted")
        .select_related("invitation")
        .annotate(
            last_visit=Max("usersession__last_seen_at"),
            has_second_factor=Exists(factors),
            number_of_tokens=Count("apitoken", filter=Q(apitoken__isnull=False), distinct=True),
        )
    )
