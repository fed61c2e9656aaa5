"""One's own account: sessions, API tokens and second factors, and the form of a new token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import get_args

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession

from brokers.characters import is_storable
from dashboard import queries, store
from dashboard.accounts.people_page import PlaceForm
from dashboard.layout import formatting
from dashboard.models import ApiToken, User
from dashboard.people import places
from dashboard.people.access import ACTION_TEXTS, Action
from dashboard.people.browsers import browser_text

LONGEST_NAME = 100
LASTS = {"7": "a week", "30": "30 days", "90": "90 days", "366": "a year", "": "until it is revoked"}


class SessionRow:
    def __init__(self, session: UserSession, own_key: str | None, now: datetime) -> None:
        self.pk, self.address, self.browser = session.pk, session.ip, browser_text(session.user_agent)
        self.is_this = session.session_key == own_key
        self.began, self.seen_text = session.created_at, f"{formatting.age(session.last_seen_at, now)} ago"


class FactorRow:
    """A second factor, or the recovery codes."""

    def __init__(self, factor: Authenticator) -> None:
        self.pk, self.type, self.began, self.used_at = factor.pk, factor.type, factor.created_at, factor.last_used_at
        known = {"totp": "Authenticator app", "recovery_codes": "Recovery codes"}
        self.name = known.get(factor.type) or str(factor.data.get("name", "")) or "Security key"
        self.left = len(factor.wrap().get_unused_codes()) if factor.type == "recovery_codes" else None


class TokenRow:
    def __init__(self, token: ApiToken, now: datetime) -> None:
        self.token = token
        narrowed = token.broker or token.vhost or token.queue
        self.place = places.place_text(token.broker, token.vhost, token.queue) if narrowed else "wherever your roles allow it"
        allowed = get_args(Action) if token.actions is None else [action for action in get_args(Action) if action in token.actions]
        self.actions = "all that you may do" if token.actions is None else ", ".join(allowed) or "nothing"
        self.is_over = token.expires_at is not None and token.expires_at <= now
        self.from_environment = token.name == store.ENVIRONMENT_TOKEN

    @property
    def expires_at(self) -> datetime | None:
        return self.token.expires_at


class TokenForm(PlaceForm):
    """What was posted for a new token; nothing posted: one that reads, for 90 days."""

    def __init__(self, user: User, given: Mapping[str, str], actions: Sequence[str]) -> None:
        super().__init__(given, user.rights.scope("view").of_objects)
        self.name, self.lasts = given.get("name", "").strip(), given.get("lasts", "90")
        self.possible = [(action, text) for action, text in ACTION_TEXTS.items() if user.rights.may_somewhere(action)]
        self.chosen: list[Action] = [action for action, _ in self.possible if action in (actions if given else ["view"])]

    def check(self) -> bool:
        """True if the token can be made; else `problems` has what is wrong."""
        if not self.name or len(self.name) > LONGEST_NAME or not is_storable(self.name) or self.name == store.ENVIRONMENT_TOKEN:
            self.problems["name"] = f"A name of up to {LONGEST_NAME} characters is needed, other than {store.ENVIRONMENT_TOKEN}."
        if not self.chosen:
            self.problems["actions"] = "Choose at least one."
        if self.lasts not in LASTS:
            self.problems["lasts"] = "Choose one of the times."
        return not self.problems

    def expires_at(self, now: datetime) -> datetime | None:
        return now + timedelta(days=int(self.lasts)) if self.lasts else None

    @property
    def actions(self) -> list[tuple[str, str, bool]]:
        return [(action, text, action in self.chosen) for action, text in self.possible]

    @property
    def times(self) -> list[tuple[str, str, bool]]:
        return [(days, text, days == self.lasts) for days, text in LASTS.items()]


def context_of(user: User, session_key: str | None, now: datetime) -> dict[str, object]:
    """What the page lists."""
    factors = [FactorRow(factor) for factor in queries.factors_of(user.pk)]
    return {
        "sessions": [SessionRow(session, session_key, now) for session in queries.sessions_of(user.pk)],
        "tokens": [TokenRow(token, now) for token in queries.tokens_of(user.pk)],
        "factors": factors,
        "has_app": any(factor.type == "totp" for factor in factors),
        "roles": [(granted.role.group.name, places.place_text(granted.broker, granted.vhost, granted.queue)) for granted in user.granted.all()],
    }
