"""`manage.py prepare`: the admin, the token of the environment, the static files."""

from __future__ import annotations

from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command

from dashboard.management.commands.prepare import collect_static_files
from dashboard.models import ApiToken, AuditEvent, User
from dashboard.people.providers import parse
from dashboard.people.tokens import digest

ROOT = Path(__file__).parents[2]


def prepare() -> str:
    """What the command prints."""
    output = StringIO()
    call_command("prepare", stdout=output)
    return output.getvalue().strip()


@pytest.fixture(autouse=True)
def own_static_root(settings: LazySettings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"


@pytest.mark.django_db
def test_the_first_start_makes_an_admin_and_prints_the_password_once() -> None:
    password = prepare()
    admin = User.objects.get(username="admin")
    assert admin.check_password(password)
    assert admin.is_superuser
    assert prepare() == ""
    assert User.objects.get(username="admin").password == admin.password


@pytest.mark.django_db
def test_a_password_of_the_environment_is_set_and_never_printed(settings: LazySettings) -> None:
    prepare()
    settings.ADMIN_PASSWORD = "a password of ours"
    assert prepare() == ""
    hashed = User.objects.get(username="admin").password
    assert User.objects.get(username="admin").check_password("a password of ours")
    prepare()
    assert User.objects.get(username="admin").password == hashed  # so that its sessions go on


@pytest.mark.django_db
def test_what_a_start_changes_of_logins_is_in_the_audit_log_and_nothing_else(settings: LazySettings) -> None:
    prepare()
    settings.ADMIN_PASSWORD, settings.API_TOKEN = "a password of ours", "a token of ours"
    for _ in range(2):
        prepare()
    settings.API_TOKEN = ""
    prepare()
    noted = AuditEvent.objects.order_by("number").values_list("action", "name", "via")
    assert list(noted) == [
        ("add person", "admin", "command"), ("change password", "admin", "command"), ("make token", "HARELINE_API_TOKEN", "command"),
        ("revoke token", "HARELINE_API_TOKEN", "command"),
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_role_of_the_environment_that_nobody_made_is_named(settings: LazySettings) -> None:
    settings.ANONYMOUS_ROLE = "watcher"
    issuer = {"HARELINE_OIDC_A_B_ISSUER": "https://id.example", "HARELINE_OIDC_A_B_CLIENT_ID": "x", "HARELINE_OIDC_A_B_ROLES": "ops=pager, all=viewer"}
    settings.OIDC_PROVIDERS = parse(issuer)
    errors = StringIO()
    call_command("prepare", stdout=StringIO(), stderr=errors)
    assert errors.getvalue().splitlines() == [
        f"hareline: HARELINE_{variable}: there is no role {role}, so it gives nothing until somebody makes it on the page People."
        for variable, role in (("ANONYMOUS_ROLE", "watcher"), ("OIDC_A_B_ROLES", "pager"))
    ]


@pytest.mark.django_db
def test_a_token_of_the_environment_comes_changes_and_goes(settings: LazySettings) -> None:
    for token in ("first token", "second token"):
        settings.API_TOKEN = token
        prepare()
        assert [row.sha256 for row in ApiToken.objects.all()] == [digest(token)]
    settings.API_TOKEN = ""
    prepare()
    assert not ApiToken.objects.exists()


@pytest.mark.django_db
def test_a_start_with_debug_on_is_refused(settings: LazySettings) -> None:
    settings.DEBUG = True
    with pytest.raises(CommandError, match="HARELINE_DEBUG"):
        prepare()


def test_static_files_are_collected_again_only_when_something_changed(tmp_path: Path) -> None:
    root = tmp_path / "static"
    collect_static_files(root)
    (root / "css" / "tokens.css").unlink()
    collect_static_files(root)
    assert not (root / "css" / "tokens.css").exists()
    (root / ".collected").write_text("another state")
    collect_static_files(root)
    assert (root / "css" / "tokens.css").exists()


def test_what_a_start_leaves_unchecked_is_right() -> None:
    assert run_checks(tags=[Tags.urls]) == []


def test_no_command_imports_every_page_and_call_to_check_their_addresses() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("*/management/commands/[a-z]*.py")]
    assert {name for name in modules if import_module(name).Command.requires_system_checks} == set()
    assert len(modules) > 10
