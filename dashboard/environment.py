"""The environment, read and checked: what the variables of docs/configuration.md mean.

Every function raises ImproperlyConfigured with one sentence that names the variable and what is allowed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from brokers.addresses import BrokerAddress, variable_suffix
from brokers.database import url as url_of_database
from dashboard import proxies
from workers.celery_names import CeleryNames
from workers.celery_names import parse as parse_celery_names
from workers.redaction import DEFAULTS, InvalidPattern, Redaction
from workers.redaction import parse as parse_redaction

T = TypeVar("T")
_IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


LEAST_SECRET = 32
WEAK_SECRETS = "weak-secrets"
UNSAFE = frozenset({"debug", WEAK_SECRETS, "plain-http", "readable-data"})
SHARED_BY_ALL = re.compile(
    r"HARELINE_(BROKERS|SECRETS_KEY|BROKER_(AMQP|METRICS)_.+|CONSUMER_TIMEOUT(_.+)?|CELERY_(?!APP$).+|EVENTS|INSPECT|CONTROL|LAB|POLL_SECONDS|REDACT|RETENTION_.+)"
)
SHARED_BY_WEB = re.compile(r"HARELINE_(PUBLIC_URL|ADMIN_PASSWORD|API_TOKEN|CELERY_APP|MACHINES(_.+)?|OIDC_.+|PROXY_USER_HEADER|ANONYMOUS_ROLE)")
"""What must be the same for all processes of an installation, or for all web processes."""


def read(variables: Mapping[str, str]) -> dict[str, str]:
    """The HARELINE_ variables that are set and not empty, those given as `…_FILE` read from their file."""
    found = {name: value for name, value in variables.items() if name.startswith("HARELINE_") and value}
    for name in [name for name in found if name.endswith("_FILE") and name != "HARELINE_CA_FILE"]:
        plain = name.removesuffix("_FILE")
        if plain in found:
            raise ImproperlyConfigured(f"{plain} and {name} are both set; keep one")
        try:
            found[plain] = Path(found.pop(name)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}: the file can't be read ({type(error).__name__})") from None
    return found


def number(variables: Mapping[str, str], name: str, default: str, low: float, high: float) -> float:
    text = variables.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name}: expected a number from {low:g} to {high:g}, got {text!r}")
    return value


def flag(variables: Mapping[str, str], name: str) -> bool:
    try:
        return bool(environ.Env().parse_value(variables.get(name, "false"), bool))
    except ValueError:
        raise ImproperlyConfigured(f"{name}: expected true or false") from None


def certificates(variables: Mapping[str, str], name: str) -> str | None:
    """The path of a PEM file with certificates of authorities."""
    path = variables.get(name)
    if not path:
        return path
    if not Path(path).is_file():
        raise ImproperlyConfigured(f"{name}: there is no file {path}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # ssl.SSLError is one
        raise ImproperlyConfigured(f"{name}: {path} holds no certificate in PEM form, or can't be read") from None
    return path


def import_path(variables: Mapping[str, str], name: str) -> str:
    """The path of an object, "proj.celery:app"; "" if it is not set. Nothing is imported here."""
    path = variables.get(name, "").strip()
    if path and not _IMPORT_PATH.fullmatch(path):
        raise ImproperlyConfigured(f"{name}: expected the import path of a Celery app, such as proj.celery:app, got {path!r}")
    return path


def broker_names(variables: Mapping[str, str], name: str, default: str, brokers: tuple[BrokerAddress, ...]) -> frozenset[str]:
    """The names of brokers that a list variable allows; `*` is all of HARELINE_BROKERS, an empty value or `none` is none."""
    text = variables.get(name, default).strip()
    known = {broker.name for broker in brokers}
    if text == "*":
        return frozenset(known)
    named = {part.strip() for part in text.split(",") if part.strip()} - {"none"}
    if named - known:
        raise ImproperlyConfigured(f"{name}: {', '.join(sorted(named - known))} is not a broker of HARELINE_BROKERS ({', '.join(sorted(known)) or 'none'})")
    return frozenset(named)


def consumer_timeouts(variables: Mapping[str, str], brokers: tuple[BrokerAddress, ...]) -> dict[str, float]:
    """By broker after how many seconds it requeues what is not acknowledged: HARELINE_CONSUMER_TIMEOUT_<NAME>, or else that of all; 0 is never."""
    usual = number(variables, "HARELINE_CONSUMER_TIMEOUT", "1800", 0, 366 * 86400)
    return {broker.name: number(variables, f"HARELINE_CONSUMER_TIMEOUT_{variable_suffix(broker.name)}", f"{usual:g}", 0, 366 * 86400) for broker in brokers}


def public_url(variables: Mapping[str, str], name: str) -> str:
    """The address that people see, without a slash at its end; "" if it is not set."""
    text = variables.get(name, "").rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
        _ = parts.port  # raises ValueError where it is none
    except ValueError:
        usable = False
    if text and not usable:
        raise ImproperlyConfigured(f"{name}: expected an address such as https://ops.example.com/hareline, without user or query")
    return text


def celery_names(variables: Mapping[str, str], brokers: tuple[BrokerAddress, ...]) -> dict[str, dict[str, CeleryNames]]:
    """{broker: {virtual host: the names of Celery's exchanges}} of HARELINE_CELERY_<NAME>; HARELINE_CELERY_APP is another setting."""
    return by_broker({name: text for name, text in variables.items() if name != "HARELINE_CELERY_APP"}, "HARELINE_CELERY_", brokers, parse_celery_names)


def by_broker(variables: Mapping[str, str], prefix: str, brokers: tuple[BrokerAddress, ...], parse: Callable[[str], T]) -> dict[str, T]:
    """The values of `<prefix><NAME>` by broker."""
    suffixes = {variable_suffix(broker.name): broker.name for broker in brokers}
    found = {}
    for variable, text in variables.items():
        suffix = variable.removeprefix(prefix)
        if suffix == variable:
            continue
        if suffix not in suffixes:
            raise ImproperlyConfigured(f"{variable}: {suffix} is not a broker of HARELINE_BROKERS ({', '.join(sorted(suffixes)) or 'none'})")
        try:
            found[suffixes[suffix]] = parse(text)
        except ValueError as error:  # InvalidNames, InvalidResults
            raise ImproperlyConfigured(f"{variable}: {error}") from None
    return found


def redaction(variables: Mapping[str, str], name: str) -> Redaction:
    """What is redacted in texts that others wrote."""
    try:
        return parse_redaction(variables.get(name, DEFAULTS))
    except InvalidPattern as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def trusted_proxies(variables: Mapping[str, str], name: str) -> proxies.TrustedProxies:
    """The proxies whose forwarded headers count; none if it is not set."""
    try:
        return proxies.parse(variables.get(name, ""))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: expected addresses, networks such as 10.0.0.0/8, or unix, got {str(error)!r}") from None


def allowed_unsafe(variables: Mapping[str, str], name: str) -> frozenset[str]:
    """What a start may be in spite of the checks that refuse it: names of UNSAFE."""
    named = {part.strip() for part in variables.get(name, "").split(",") if part.strip()}
    if named - UNSAFE:
        raise ImproperlyConfigured(f"{name}: expected some of {', '.join(sorted(UNSAFE))}, separated by commas, got {', '.join(sorted(named - UNSAFE))}")
    return frozenset(named)


def secret_files(variables: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that `…_FILE` variables name."""
    named = [value for name, value in variables.items() if name.startswith("HARELINE_") and name.endswith("_FILE") and value]
    return tuple(Path(value) for value in named if value != variables.get("HARELINE_CA_FILE"))


def secret_key(variables: Mapping[str, str], data_dir: Path) -> str:
    """Django's secret: HARELINE_SECRET_KEY, else one that is made once and kept in the data directory, readable by its owner only."""
    given = variables.get("HARELINE_SECRET_KEY", "")
    if given:
        if len(given) < LEAST_SECRET and WEAK_SECRETS not in allowed_unsafe(variables, "HARELINE_ALLOW_UNSAFE"):
            expected = f"expected at least {LEAST_SECRET} characters that nobody can guess"
            raise ImproperlyConfigured(f"HARELINE_SECRET_KEY: {expected}. HARELINE_ALLOW_UNSAFE={WEAK_SECRETS} starts nevertheless.")
        return given
    path = data_dir / "secret_key"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _existing_secret(path)
        with os.fdopen(descriptor, "w") as file:
            key = secrets.token_urlsafe(48)
            file.write(key)
        return key
    except OSError as error:
        raise ImproperlyConfigured(f"HARELINE_DATA_DIR: {data_dir} can't be written ({error.strerror})") from None


def secrets_keys(variables: Mapping[str, str], data_dir: Path) -> tuple[str, ...]:
    """The keys that encrypt what is secret in the database, the newest first: HARELINE_SECRETS_KEY, else one that is made once and kept in the data directory,
    readable by its owner only."""
    given = tuple(re.split(r"[\s,]+", variables.get("HARELINE_SECRETS_KEY", "").strip(", \t\r\n")))
    if given == ("",):
        return _kept_secrets_key(data_dir / "secrets_key")
    if not all(_is_fernet_key(key) for key in given):
        raise ImproperlyConfigured("HARELINE_SECRETS_KEY: expected keys of 32 bytes in URL-safe Base64, separated by commas, the newest first")
    return given


def _kept_secrets_key(path: Path) -> tuple[str, ...]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        for _ in range(50):
            if path.stat().st_size:
                break
            time.sleep(0.02)  # another process that started at the same moment is writing it
        key = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"HARELINE_DATA_DIR: {path} can't be read or written ({error.strerror})") from None
    if not _is_fernet_key(key):
        raise ImproperlyConfigured(f"HARELINE_DATA_DIR: {path} is not a key of ours; remove it, start again, and enter the addresses of targets anew")
    return (key,)


def _is_fernet_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False


def web_address(variables: Mapping[str, str], name: str) -> str:
    """An address that is requested, a secret in it or not; "" if it is not set. It is not repeated in an error."""
    text = variables.get(name, "")
    parts = urlsplit(text)
    if text and not (parts.scheme in ("http", "https") and parts.hostname and parts.username is None):
        raise ImproperlyConfigured(f"{name}: expected an address that begins with https:// or http://, without user and password")
    return text


def secret_fingerprint(secret: str) -> str:
    """What shows whether two processes have the same secret, and nothing else of it."""
    return hashlib.blake2b(secret.encode(), person=b"hareline-secret", digest_size=8).hexdigest()


def shared_fingerprints(variables: Mapping[str, str], secret: str) -> dict[str, str]:
    """{variable: fingerprint} of the settings that processes must share. Keyed with the secret, so that no password can be guessed by them."""
    shared = [name for name in variables if SHARED_BY_ALL.fullmatch(name) or SHARED_BY_WEB.fullmatch(name)]
    key = hashlib.sha256(secret.encode()).digest()
    return {name: hashlib.blake2b(f"{name}={variables[name]}".encode(), key=key, digest_size=8).hexdigest() for name in sorted(shared)}


def _existing_secret(path: Path) -> str:
    key = path.read_text().strip()
    if len(key) < LEAST_SECRET:
        raise ImproperlyConfigured(f"HARELINE_DATA_DIR: {path} is not a secret of ours; remove it and start again")
    return key


def database(variables: Mapping[str, str], data_dir: Path) -> dict[str, Any]:
    """Django's DATABASES entry: SQLite in WAL mode, or PostgreSQL."""
    url = variables.get("HARELINE_DATABASE_URL", f"sqlite:///{data_dir / 'hareline.sqlite3'}")
    if not url.startswith("sqlite:///"):
        return _postgresql(url)
    path = Path(url.removeprefix("sqlite:///")).absolute()
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {
            "database": f"file:{quote(str(path))}?mode=rw",  # never made in passing: a file that went missing must not come back empty
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32768; PRAGMA mmap_size=268435456; "
                "PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY;"
            ),
        },
    }


def _postgresql(url: str) -> dict[str, Any]:
    try:
        entry = url_of_database.parse(url)
    except url_of_database.InvalidUrl as error:
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {error}") from None
    if find_spec("psycopg") is None:
        raise ImproperlyConfigured("HARELINE_DATABASE_URL: PostgreSQL needs psycopg, which is not installed; script/setup installs it while this is set")
    return entry
