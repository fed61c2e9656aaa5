"""The only reader of what the pages of people and accounts list: people with their last visit, sessions, tokens, invitations."""

from __future__ import annotations

from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from dashboard.models import ApiToken, Granted, Invitation, Role, User
from dashboard.people.access import ROLES
from dashboard.people.tokens import digest
from dashboard.queries.people import user_of_session


def invitation(plain: str, now: datetime) -> Invitation | None:
    """What a link is good for; None if it was used, replaced or has expired, or its person was disabled."""
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
    found = UserSession.objects.filter(user_id=user_id).order_by("-last_seen_at", "-pk")
    return [one for one in found if getattr(user_of_session(one.session_key), "pk", None) == user_id]


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
