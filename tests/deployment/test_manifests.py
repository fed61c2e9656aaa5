"""compose.yaml, the systemd units and the Kubernetes manifests: what they start exists, what they set is documented, and nothing of them is lax.

script/check-deployment validates each with the tool that knows its kind.
"""

from __future__ import annotations

import configparser
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from workers.demo.nodes import NODES

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
UNITS = sorted((ROOT / "docs/deployment/systemd").glob("*.service"))
MANIFESTS = [found for path in sorted((ROOT / "docs/deployment/kubernetes").glob("*.yaml")) for found in yaml.safe_load_all(path.read_text())]
DOCUMENTED = set(re.findall(r"HARELINE_[A-Z_]*[A-Z]", (ROOT / "docs/configuration.md").read_text()))
PROCESSES = {"web", "pollbrokers", "receiveevents", "maintain"}
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "hareline:local"}


def test_every_container_of_ours_is_read_only_and_without_rights() -> None:
    assert set(OURS) == set(SERVICES) - {"postgres", "rabbitmq"}
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_pages_are_published_and_only_to_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {"hareline": ["127.0.0.1:${HARELINE_PORT:-8000}:8000"]}


def test_the_profile_demo_has_every_worker_node_of_the_demo_and_its_traffic() -> None:
    of_demo = {name: service for name, service in SERVICES.items() if service.get("profiles") == ["demo"]}
    commands = [service.get("command") for service in of_demo.values()]
    assert sorted(command[1] for command in commands if command and command[0] == "worker") == sorted(NODES)
    assert [command for command in (["declare"], ["audit"], ["traffic"]) if command not in commands] == []
    assert set(SERVICES) - set(of_demo) == {"hareline", "postgres"}


def test_no_password_stands_in_compose_yaml() -> None:
    values = [f"{name}={value}" for service in SERVICES.values() for name, value in service["environment"].items()]
    secret = [value for value in values if re.search(r"PASS|://\w+:", value)]
    assert len(secret) > 4
    assert [value for value in secret if "${" not in value] == []


def section(path: Path, name: str) -> list[tuple[str, str]]:
    """The lines of a unit's section, those that stand there several times too."""
    inside = path.read_text().split(f"[{name}]\n")[1].split("\n[")[0]
    return [(line.split("=", 1)[0], line.split("=", 1)[1]) for line in inside.splitlines() if "=" in line and not line.startswith("#")]


def test_there_is_a_unit_for_each_process_and_all_belong_to_one_target() -> None:
    started = {dict(section(path, "Service"))["ExecStart"].removeprefix("/opt/hareline/script/hareline ") for path in UNITS}
    assert started == PROCESSES | {"prepare"}
    target = configparser.ConfigParser(strict=False)
    target.read(ROOT / "docs/deployment/systemd/hareline.target")
    assert set(target["Unit"]["Wants"].split()) == {path.name for path in UNITS} - {"hareline-prepare.service"}
    assert {dict(section(path, "Unit"))["PartOf"] for path in UNITS} == {"hareline.target"}


def test_all_units_are_confined_alike() -> None:
    own = {"Type", "RemainAfterExit", "ExecStart", "Restart", "RestartSec", "TimeoutStopSec", "TimeoutStartSec"}
    shared = {tuple(line for line in section(path, "Service") if line[0] not in own) for path in UNITS}
    assert len(shared) == 1
    lines = shared.pop()
    assert {
        ("User", "hareline"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectoryMode", "0700"),
    } <= set(lines)


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((found["metadata"]["name"], found["spec"]["template"]["spec"]) for found in MANIFESTS if found["kind"] == "Deployment")


def test_each_process_has_a_deployment_that_prepares_first() -> None:
    found = dict(pods())
    assert {pod["containers"][0]["args"][0] for pod in found.values()} == PROCESSES
    assert [pod["initContainers"][0]["args"] for pod in found.values()] == [["prepare"]] * 4


def test_every_pod_is_confined() -> None:
    for _, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001  # the user of the image
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod["initContainers"], *pod["containers"]):
            confined = container["securityContext"]
            assert (confined["readOnlyRootFilesystem"], confined["allowPrivilegeEscalation"], confined["capabilities"]) == (True, False, {"drop": ["ALL"]})
            assert container["resources"]["limits"]["memory"]


def test_what_is_set_is_documented() -> None:
    of_pods = {name for found in MANIFESTS if found["kind"] in ("ConfigMap", "Secret") for name in found.get("data", found.get("stringData"))}
    of_compose = set(SERVICES["hareline"]["environment"])
    assert of_pods and of_compose
    assert (of_pods | of_compose) - DOCUMENTED == set()


def test_the_selectors_select_the_pods() -> None:
    labels = {
        name: found["spec"]["template"]["metadata"]["labels"] for found in MANIFESTS if (name := found["metadata"]["name"]) and found["kind"] == "Deployment"
    }
    web = labels["hareline-web"]
    for found in MANIFESTS:
        if found["kind"] == "Deployment":
            assert found["spec"]["selector"]["matchLabels"] == labels[found["metadata"]["name"]]
        if found["kind"] == "Service":
            assert found["spec"]["selector"] == web
        if found["kind"] == "PodDisruptionBudget":
            assert found["spec"]["selector"]["matchLabels"] == web
        if found["kind"] == "NetworkPolicy":
            assert found["spec"]["podSelector"]["matchLabels"].items() <= web.items()


@pytest.mark.nightly  # installs validators
def test_each_file_passes_its_validator() -> None:
    done = subprocess.run([ROOT / "script/check-deployment"], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert "ok " in done.stdout
    if done.returncode == 3:
        pytest.skip("; ".join(line for line in done.stdout.splitlines() if line.startswith("not checked")))
