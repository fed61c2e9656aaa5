"""OpenID Connect providers as HARELINE_OIDC_<NAME>_… names them, and which roles their groups give. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from dashboard.people import places

PREFIX = "HARELINE_OIDC_"
FIELDS = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "LABEL", "USER_CLAIM", "GROUPS_CLAIM", "ROLES")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
EVERYBODY = "*"


class GroupRole(msgspec.Struct, frozen=True):
    """A role in a place for whoever is in the group; "*" is everybody who logs in there."""

    group: str
    role: str
    broker: str = ""
    vhost: str = ""
    queue: str = ""


class Provider(msgspec.Struct, frozen=True):
    name: str
    label: str
    issuer: str
    client_id: str
    client_secret: str
    user_claim: str
    groups_claim: str
    roles: tuple[GroupRole, ...]

    def roles_of(self, claims: Mapping[str, Any]) -> list[GroupRole]:
        """The roles that the groups in the claims give; a claim that is one text is one group."""
        found = claims.get(self.groups_claim)
        groups = {found} if isinstance(found, str) else {str(group) for group in found} if isinstance(found, list) else set()
        return [one for one in self.roles if one.group == EVERYBODY or one.group in groups]


def parse(variables: Mapping[str, str]) -> tuple[Provider, ...]:
    """The providers by name. Raises ValueError with a sentence that names the variable.

    >>> [one.label for one in parse({"HARELINE_OIDC_CORP_ISSUER": "https://id.example", "HARELINE_OIDC_CORP_CLIENT_ID": "hareline"})]
    ['Corp']
    """
    names = set()
    for variable in variables:
        if not variable.startswith(PREFIX):
            continue
        found = re.fullmatch(rf"{PREFIX}([A-Z0-9_]+?)_({'|'.join(FIELDS)})", variable)
        if not found:
            raise ValueError(f"{variable}: expected {PREFIX}<NAME>_ and one of {', '.join(FIELDS)}")
        names.add(found[1])
    return tuple(_provider(name, variables) for name in sorted(names))


def _provider(name: str, variables: Mapping[str, str]) -> Provider:
    given = {field: variables.get(f"{PREFIX}{name}_{field}", "") for field in FIELDS}
    for field in ("ISSUER", "CLIENT_ID"):
        if not given[field]:
            raise ValueError(f"{PREFIX}{name}_{field} is missing")
    parts = urlsplit(given["ISSUER"])
    if not parts.hostname or parts.scheme not in ("https", "http") or (parts.scheme == "http" and parts.hostname not in LOOPBACK):
        raise ValueError(f"{PREFIX}{name}_ISSUER: expected an https address such as https://id.example.com")
    return Provider(
        name.lower().replace("_", "-"),
        given["LABEL"] or name.replace("_", " ").capitalize(),
        given["ISSUER"],
        given["CLIENT_ID"],
        given["CLIENT_SECRET"],
        given["USER_CLAIM"] or "preferred_username",
        given["GROUPS_CLAIM"] or "groups",
        tuple(group_roles(f"{PREFIX}{name}_ROLES", given["ROLES"])),
    )


def group_roles(variable: str, text: str) -> Iterable[GroupRole]:
    """Entries such as "ops=operator?vhost=/shop&queue=orders.*", separated by commas; a comma or an = in a name is percent-encoded.

    >>> list(group_roles("X", "*=viewer?broker=prod&vhost=*"))
    [GroupRole(group='*', role='viewer', broker='prod', vhost='', queue='')]
    """
    for entry in filter(None, (part.strip() for part in text.split(","))):
        group, equals, rest = entry.partition("=")
        role, _, query = rest.partition("?")
        given = {name: values[0] for name, values in parse_qs(query).items()}
        if not (group and equals and role) or set(given) - set(places.FIELDS) or bool(query) != bool(given):
            raise ValueError(f"{variable}: expected group=role, or group=role?broker=…&vhost=…&queue=…, got {entry!r}")
        place, problems = places.entered(given)
        if problems:
            raise ValueError(f"{variable}: in {entry!r} {', '.join(problems)} has too many characters, or invisible ones")
        yield GroupRole(unquote(group), unquote(role), **place)


def as_apps(providers: Iterable[Provider]) -> dict[str, Any]:
    """The providers as allauth's settings have them."""
    apps = [
        {"provider_id": one.name, "name": one.label, "client_id": one.client_id, "secret": one.client_secret, "settings": {"server_url": one.issuer}}
        for one in providers
    ]
    return {"openid_connect": {"APPS": apps, "OAUTH_PKCE_ENABLED": True}}
