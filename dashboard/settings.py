"""Django's settings: everything comes from the environment (docs/configuration.md), nothing secret stands here.

A value that can't be used raises ImproperlyConfigured with one sentence that names the variable.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from brokers.addresses import parse_brokers
from brokers.errors import InvalidAddress
from dashboard import environment
from dashboard.arrangements.environment import machines
from dashboard.exporting.target import remote_target
from dashboard.logs import logging_configuration
from dashboard.people import environment as sign_in
from dashboard.people import providers
from workers.results.addresses import parse as parse_results

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = str(tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
ENVIRONMENT = environment.read(os.environ)


def _number(name: str, default: str, low: float, high: float) -> float:
    return environment.number(ENVIRONMENT, name, default, low, high)


# Where things are
DATA_DIR = Path(ENVIRONMENT.get("HARELINE_DATA_DIR", BASE_DIR / "var")).resolve()
PLANTS_DIR = DATA_DIR / "plants" if "HARELINE_DEMO_AMQP_URL" in ENVIRONMENT else None  # only the demo has problems to plant
HOST = ENVIRONMENT.get("HARELINE_HOST", "127.0.0.1")
PORT = int(_number("HARELINE_PORT", "8000", 1, 65535))
PUBLIC_URL = environment.public_url(ENVIRONMENT, "HARELINE_PUBLIC_URL")
CA_FILE = environment.certificates(ENVIRONMENT, "HARELINE_CA_FILE")
SECRET_KEY = environment.secret_key(ENVIRONMENT, DATA_DIR)
SECRET_FINGERPRINT = environment.secret_fingerprint(SECRET_KEY)
SECRET_FILES = environment.secret_files(os.environ)
ALLOW_UNSAFE = environment.allowed_unsafe(ENVIRONMENT, "HARELINE_ALLOW_UNSAFE")
SHARED_FINGERPRINTS = environment.shared_fingerprints(ENVIRONMENT, SECRET_KEY)

# Who is notified
SECRETS_KEYS = environment.secrets_keys(ENVIRONMENT, DATA_DIR)
NOTIFY_LOOPBACK = environment.flag(ENVIRONMENT, "HARELINE_NOTIFY_LOOPBACK")
HEARTBEAT_URL = environment.web_address(ENVIRONMENT, "HARELINE_HEARTBEAT_URL")

# What is watched
try:
    BROKERS = parse_brokers(ENVIRONMENT.get("HARELINE_BROKERS", ""), ENVIRONMENT)
except InvalidAddress as error:
    raise ImproperlyConfigured(str(error)) from None
EVENTS = environment.broker_names(ENVIRONMENT, "HARELINE_EVENTS", "*", BROKERS)
INSPECT = environment.broker_names(ENVIRONMENT, "HARELINE_INSPECT", "*", BROKERS)
CONTROL = environment.broker_names(ENVIRONMENT, "HARELINE_CONTROL", "", BROKERS)
LAB = environment.broker_names(ENVIRONMENT, "HARELINE_LAB", "", BROKERS)
CELERY_APP = environment.import_path(ENVIRONMENT, "HARELINE_CELERY_APP")
CELERY_NAMES = environment.celery_names(ENVIRONMENT, BROKERS)
RESULTS = environment.by_broker(ENVIRONMENT, "HARELINE_RESULTS_", BROKERS, parse_results)
CONSUMER_TIMEOUTS = environment.consumer_timeouts(ENVIRONMENT, BROKERS)
MACHINES = machines(ENVIRONMENT, BROKERS)
POLL_SECONDS = _number("HARELINE_POLL_SECONDS", "5", 0.2, 3600)
REDACTION = environment.redaction(ENVIRONMENT, "HARELINE_REDACT")
RETENTION_RAW_HOURS = _number("HARELINE_RETENTION_RAW_HOURS", "24", 0.1, 24 * 366)
RETENTION_MINUTE_DAYS = _number("HARELINE_RETENTION_MINUTE_DAYS", "14", 0.1, 3660)
RETENTION_TEN_MINUTE_DAYS = _number("HARELINE_RETENTION_TEN_MINUTE_DAYS", "90", 0.1, 3660)
RETENTION_HISTORY_BYTES = _number("HARELINE_RETENTION_HISTORY_BYTES", "0", 0, 1e15)
RETENTION_TASK_DAYS = _number("HARELINE_RETENTION_TASK_DAYS", "7", 0.01, 3660)
RETENTION_TASKS = int(_number("HARELINE_RETENTION_TASKS", "1000000", 1000, 1_000_000_000))
RETENTION_GONE_WORKER_HOURS = _number("HARELINE_RETENTION_GONE_WORKER_HOURS", "24", 0.01, 24 * 3660)
RETENTION_AUDIT_DAYS = _number("HARELINE_RETENTION_AUDIT_DAYS", "366", 1, 36600)
RETENTION_FINDING_DAYS = _number("HARELINE_RETENTION_FINDING_DAYS", "90", 1, 36600)
RETENTION_DELIVERY_DAYS = _number("HARELINE_RETENTION_DELIVERY_DAYS", "30", 1, 36600)
REMOTE_WRITE = remote_target(ENVIRONMENT, _number("HARELINE_REMOTE_WRITE_SECONDS", "15", 1, 300))
METRICS_SERIES = int(_number("HARELINE_METRICS_SERIES", "10000", 1, 1_000_000))
API_TOKEN = ENVIRONMENT.get("HARELINE_API_TOKEN", "")
ADMIN_PASSWORD = ENVIRONMENT.get("HARELINE_ADMIN_PASSWORD", "")

# Who logs in elsewhere
OIDC_PROVIDERS = sign_in.oidc_providers(ENVIRONMENT)
SOCIALACCOUNT_PROVIDERS = providers.as_apps(OIDC_PROVIDERS)
PROXY_USER_HEADER = sign_in.header(ENVIRONMENT, "HARELINE_PROXY_USER_HEADER")
ANONYMOUS_ROLE = ENVIRONMENT.get("HARELINE_ANONYMOUS_ROLE", "")

# Django
DEBUG = environment.flag(ENVIRONMENT, "HARELINE_DEBUG")
ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
AUTH_USER_MODEL = "dashboard.User"
USE_TZ, TIME_ZONE, LANGUAGE_CODE, USE_I18N = True, "UTC", "en", False
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = sorted({"localhost", "127.0.0.1", "[::1]", HOST, _public.hostname or "localhost"} - {"0.0.0.0", "::"})  # noqa: S104  (taken out, not bound)
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if PUBLIC_URL else []
PATH_PREFIX = _public.path
FORCE_SCRIPT_NAME = PATH_PREFIX or None
TRUSTED_PROXIES = environment.trusted_proxies(ENVIRONMENT, "HARELINE_TRUSTED_PROXIES")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public.scheme == "https"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = PATH_PREFIX or "/"  # what else that host serves need not see them
SESSION_ENGINE = "dashboard.people.sessions"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "hareline_session", "hareline_csrf"
HSTS_SECONDS = 366 * 86400 if SESSION_COOKIE_SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "brokers",
    "workers",
    "dashboard",
]
MIDDLEWARE = [
    "dashboard.middleware.kept_by_nobody",
    "django.middleware.security.SecurityMiddleware",
    "dashboard.static_files.StaticFilesMiddleware",
    "dashboard.middleware.health_check",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "dashboard.middleware.reading",
    "django.middleware.common.CommonMiddleware",
    "dashboard.compression.OneStreamGZipMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.people.elsewhere.by_proxy",
    "dashboard.people.elsewhere.anonymous",
    "dashboard.middleware.login_required",
    "dashboard.middleware.from_where",
    "dashboard.layout.past_requests.AtAMoment",
    "dashboard.middleware.visible_names",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.layout.frame.context",
            ],
        },
    },
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "rows",
        "DIRS": [BASE_DIR / "templates" / "rows"],
        "OPTIONS": {"environment": "dashboard.layout.compiled.environment"},
    },
]

# Storage: architecture.md, "Storage"; IMMEDIATE transactions wait for each other instead of failing with "database is locked"
DATABASES = {"default": environment.database(ENVIRONMENT, DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Limits on login count across all web processes; with too few entries, many names that are tried would drop the counts of others
CACHES = {
    "default": {
        "BACKEND": "dashboard.people.shared_cache.SharedCache",
        "LOCATION": "hareline_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000, "CULL_FREQUENCY": 4},
    }
}

# Static files
STATIC_URL = f"{PATH_PREFIX}/static/"
SERVESTATIC_STATIC_PREFIX = "/static/"  # it compares the path inside Hareline
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
_static_storage = "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "dashboard.static_files.HashedStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _static_storage},
}

# Login
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "account_login", "overview", "account_login"
ACCOUNT_ADAPTER = "dashboard.people.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key", "login": None}  # of second factors; passwords have dashboard.people.login_delays

SOCIALACCOUNT_ADAPTER = "dashboard.accounts.oidc.ProviderAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION, SOCIALACCOUNT_REQUESTS_TIMEOUT = "none", 5
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_ADAPTER = "dashboard.accounts.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER, MFA_TOTP_TOLERANCE = "Hareline", 1
MFA_RECOVERY_CODES_SHOW_ONCE = True

LOGGING_CONFIG = None
logging_configuration(ENVIRONMENT.get("HARELINE_LOG_LEVEL", "INFO"))
