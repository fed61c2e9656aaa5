"""System checks: what must hold before a production start. Each problem has a hint, and a name by which HARELINE_ALLOW_UNSAFE allows it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured, ValidationError

from dashboard.environment import LEAST_SECRET

FEWEST_CHARACTERS = 10
LEAST_TOKEN = 20
PLACEHOLDERS = ("django-insecure", "changeme", "change-me", "change_me", "example", "insecure")
MOUNTED_SECRETS = Path("/run/secrets")  # of Docker and Podman: readable to all, in a container that one user has


@register(deploy=True)
def production_is_safe(**_: Any) -> list[CheckMessage]:
    """What `manage.py prepare` refuses, with which each start begins."""
    found = [*_debug(), *_weak_key(), *_exposed(settings.HOST), *_readable()]
    return [problem for problem in found if problem.obj not in settings.ALLOW_UNSAFE]


def refuse_exposure(host: str) -> None:
    """Raises ImproperlyConfigured if a web process must not listen on this address, whatever HARELINE_HOST is."""
    found = [*(_debug() if not is_loopback(host) else ()), *_exposed(host)]
    for problem in found:
        if problem.obj not in settings.ALLOW_UNSAFE:
            raise ImproperlyConfigured(f"{problem.msg} {problem.hint}")


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches. A name other than localhost may be any address.

    >>> [is_loopback(host) for host in ("127.0.0.2", "::1", "[::1]", "localhost", "0.0.0.0", "::", "ops.example.com")]
    [True, True, True, True, False, False, False]
    """
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def readable_by_others(path: Path) -> bool:
    """True if any user of this machine may read it: its own mode and those of all directories above it permit that. False where it is not there."""
    try:
        whole = path.resolve(strict=True)
        return bool(whole.stat().st_mode & stat.S_IROTH) and all(above.stat().st_mode & stat.S_IXOTH for above in whole.parents)
    except OSError:
        return False


def is_open_secret(path: Path, mounted: Path = MOUNTED_SECRETS) -> bool:
    """True for a file that every user may read, outside of `mounted`."""
    return readable_by_others(path) and not path.resolve().is_relative_to(mounted)


def is_weak(secret: str) -> bool:
    """True for a secret key that is short, has few different characters or was copied from an example.

    >>> [is_weak(key) for key in ("x" * 50, "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz", "q7Zk2mXw9Lr4Tb8Vn1Yc6Hd3Js5Fg0Pa")]
    [True, True, False]
    """
    return len(secret) < LEAST_SECRET or len(set(secret)) < FEWEST_CHARACTERS or any(word in secret.lower() for word in PLACEHOLDERS)


def _debug() -> Iterator[Error]:
    if settings.DEBUG:
        yield _problem("E001", "debug", "HARELINE_DEBUG is on: errors show code and settings to everybody.", "Unset HARELINE_DEBUG.")


def _weak_key() -> Iterator[Error]:
    if is_weak(settings.SECRET_KEY):
        hint = "Unset HARELINE_SECRET_KEY, and remove secret_key from the data directory: a new one is made."
        yield _problem("E002", "weak-secrets", "The secret key, which signs sessions, is short or from an example.", hint)


def _exposed(host: str) -> Iterator[Error]:
    """Problems of an address that others reach: this host, or the public URL."""
    public = urlsplit(settings.PUBLIC_URL)
    listens, published = not is_loopback(host), not is_loopback(public.hostname or "localhost")
    if published and public.scheme != "https":
        hint = "Serve it over https and change HARELINE_PUBLIC_URL (docs/proxies.md)."
        yield _problem("E003", "plain-http", "HARELINE_PUBLIC_URL is plain http: passwords and sessions can be read on their way.", hint)
    elif listens and public.scheme != "https" and not (settings.TRUSTED_PROXIES.networks or settings.TRUSTED_PROXIES.unix):
        hint = "Listen on 127.0.0.1, or put a proxy with https before it and set HARELINE_PUBLIC_URL=https://… or HARELINE_TRUSTED_PROXIES (docs/proxies.md)."
        yield _problem("E003", "plain-http", f"Pages would be served over plain http on {host}, which other machines reach.", hint)
    if listens or published:
        yield from _weak_logins()


def _weak_logins() -> Iterator[Error]:
    if settings.ADMIN_PASSWORD:
        try:
            validate_password(settings.ADMIN_PASSWORD)
        except ValidationError as error:
            text = f"HARELINE_ADMIN_PASSWORD is easily guessed. {' '.join(error.messages)}"
            yield _problem("E004", "weak-secrets", text, "Set a longer one, or unset it: the first start then makes one up.")
    if settings.API_TOKEN and len(settings.API_TOKEN) < LEAST_TOKEN:
        text = f"HARELINE_API_TOKEN has fewer than {LEAST_TOKEN} characters, so it can be guessed."
        yield _problem("E005", "weak-secrets", text, "Set a longer one, such as of `openssl rand -hex 20`.")


def _readable() -> Iterator[Error]:
    data, database = Path(settings.DATA_DIR), Path(settings.DATABASES["default"]["NAME"])
    if readable_by_others(data):
        yield _problem("E006", "readable-data", f"Every user of this machine can read the data directory, {data}.", f"Run `chmod 700 {data}`.")
    files = [data / "secret_key", data / "secrets_key", *settings.SECRET_FILES]
    if "sqlite" in settings.DATABASES["default"]["ENGINE"]:
        files.append(database)
    for path in files:
        if is_open_secret(path):
            yield _problem("E007", "readable-data", f"Every user of this machine can read {path}, which holds secrets.", f"Run `chmod 600 {path}`.")


def _problem(number: str, name: str, text: str, hint: str) -> Error:
    return Error(text, hint=f"{hint} HARELINE_ALLOW_UNSAFE={name} starts nevertheless.", obj=name, id=f"hareline.{number}")
