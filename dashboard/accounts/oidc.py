"""Logging in by an OpenID Connect provider: what it sends is checked here, and its groups become roles.

allauth makes the requests; beyond it, the issuer must be the configured one, signatures are always verified, and clocks may differ by a minute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import jwt
import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from dashboard import queries, store
from dashboard.models import User
from dashboard.people.audited import audited
from dashboard.people.browsers import client_of
from dashboard.people.providers import GroupRole, Provider
from dashboard.store import rights

log = structlog.get_logger(__name__)
SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS = 60
OVER = "This login was completed already, began in another browser, or took too long. Start again."


class WrongIssuer(OAuth2Error):
    pass


class CheckedProvider(OpenIDConnectOAuth2Adapter):
    """What allauth requests of a provider, with what it answers checked."""

    @property
    def openid_config(self) -> dict[str, Any]:
        found: dict[str, Any] = super().openid_config
        if not isinstance(found, dict) or str(found.get("issuer", "")).rstrip("/") != provider_named(self.provider_id).issuer.rstrip("/"):
            raise WrongIssuer("another issuer")
        return found

    def check(self) -> None:
        """Raises what `problem_text` explains where the provider is not the configured one, or can't be reached."""
        self.openid_config  # noqa: B018  (reads and checks it)

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        """The claims of the signed token, and of userinfo where the provider has it."""
        claims = self._decode_id_token(app, kwargs["response"].get("id_token") or "")
        if self.openid_config.get("userinfo_endpoint"):
            more = self._fetch_user_info(token.token)
            if more.get("sub") != claims["sub"]:
                raise OAuth2Error("userinfo is about somebody else")
            claims = {**claims, **more}
        found = self.get_provider().sociallogin_from_response(request, {"id_token": claims})
        found.account.uid = person_key(self.openid_config["issuer"], claims["sub"])
        return found

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        try:
            if jwt.get_unverified_header(id_token).get("alg") not in SIGNED_BY:
                raise OAuth2Error("an unknown signature")
            algorithm, key = jwtkit.fetch_key(id_token, self.openid_config["jwks_uri"], jwtkit.lookup_kid_jwk)
            found: dict[str, Any] = jwt.decode(
                id_token,
                key=key,
                algorithms=[algorithm],
                issuer=self.openid_config["issuer"],
                audience=app.client_id,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub"]},
            )
        except jwt.InvalidIssuerError as error:
            raise WrongIssuer("another issuer") from error
        except jwt.PyJWTError as error:
            raise OAuth2Error("Invalid id_token") from error
        return found


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Who may log in by a provider: people who did before, and new ones whose groups give them a role."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        provider = provider_named(sociallogin.account.provider)
        claims = sociallogin.account.extra_data.get("id_token", {})
        wanted = _existing(provider.roles_of(claims))
        if not sociallogin.is_existing:
            _add_person(request, provider, sociallogin, claims, wanted)
        user = sociallogin.user
        if not user.is_active:
            raise ImmediateHttpResponse(refused(request, provider, f"Your account {user.username} is disabled here. An admin can enable it.", user.username))
        _synchronize(user, provider, wanted)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Exception | None = None, extra_context: Any = None
    ) -> None:
        ours = provider_named(provider.app.provider_id)
        if exception is not None:
            text = problem_text(ours.label, exception)
        elif "error" in request.GET and (extra_context or {}).get("state"):
            cancelled = request.GET["error"] == "access_denied"
            text = f"The login at {ours.label} was cancelled or refused there." if cancelled else f"{ours.label} answered with an error."
        else:
            text = OVER
        raise ImmediateHttpResponse(refused(request, ours, text))


def person_key(issuer: str, subject: str) -> str:
    """By what an account of a provider is known again: a subject is unique at its issuer only, and the provider of this name may become another one."""
    return sha256(json.dumps([issuer, subject]).encode()).hexdigest()


def provider_named(name: str) -> Provider:
    """Raises KeyError for one that is not configured."""
    return {provider.name: provider for provider in settings.OIDC_PROVIDERS}[name]


def problem_text(label: str, error: BaseException) -> str:
    """What went wrong between Hareline and the provider, for the login page."""
    cause = error.__cause__ or error
    if isinstance(error, WrongIssuer):
        return f"{label} names another issuer than the one that is configured here."
    if isinstance(cause, jwt.ExpiredSignatureError | jwt.ImmatureSignatureError):
        return f"The clocks of {label} and of this machine differ by more than a minute."
    if isinstance(error, OSError):
        return f"{label} did not answer in time." if "Timeout" in type(error).__name__ else f"{label} can’t be reached, or refused the request."
    return f"{label} did not confirm who you are."


def refused(request: HttpRequest, provider: Provider, text: str, name: str = "") -> HttpResponse:
    """Back to the login page, with the reason, which is recorded at the pace that one address may have: nobody need be known to request this."""
    now = timezone.now()
    if store.notes_refusal(client_of(request)[0], now):
        store.audit(None, "log in", store.REFUSED, now, user_name=name, detail={"provider": provider.name, "reason": text})
    messages.error(request, text)
    return redirect("account_login")


def _existing(wanted: list[GroupRole]) -> list[GroupRole]:
    """Those whose role exists here; the others are logged."""
    known = set(queries.role_names())
    for missing in sorted({one.role for one in wanted} - known):
        log.warning("a role that groups should give does not exist", role=missing)
    return [one for one in wanted if one.role in known]


def _add_person(request: HttpRequest, provider: Provider, found: SocialLogin, claims: Mapping[str, Any], wanted: list[GroupRole]) -> None:
    """A new person with this account of the provider, or neither."""
    name = str(claims.get(provider.user_claim) or "")
    problem = ""
    if not wanted:
        problem = f"None of your groups at {provider.label} has a role here. An admin can grant you one."
    try:
        User(username=name).clean_fields(exclude=["password"])
        if not problem:
            with audited(None, "add person", user_name=provider.label, name=name, provider=provider.name):
                rights.add_person(name, None, lambda person: found.connect(request, person))
            return
    except ValidationError:
        problem = problem or f"{provider.label} sent no name that can be used here ({provider.user_claim})."
    except IntegrityError:
        problem = f"There is a person {name} already who does not log in by {provider.label}. An admin can help."
    raise ImmediateHttpResponse(refused(request, provider, problem, name[:150]))


def _synchronize(user: User, provider: Provider, wanted: list[GroupRole]) -> None:
    """Gives and takes back what the provider's groups give now; nothing else that the person has."""
    places = {(one.role, one.broker, one.vhost, one.queue) for one in wanted}
    if places == {(one.role.group.name, one.broker, one.vhost, one.queue) for one in user.granted.all() if one.source == provider.name}:
        return
    with audited(user, "roles from groups", name=user.username, provider=provider.name) as act:
        act.detail["roles"] = rights.synchronize(user, provider.name, places, timezone.now())
