"""The files of `deploy` fit the schemas of their tools, and name settings, roles and ports that the service has."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from access_policy import __version__
from access_policy.process_roles import ProcessRole
from access_policy.settings import Settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
COMPOSE = DEPLOY / "compose.yaml"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SETTINGS = {f"ACCESS_POLICY_{name.upper()}" for name in Settings.model_fields}
NAMED = re.compile(r"\b(ACCESS_POLICY_[A-Z_]+)\b")
OF_COMPOSE = {"ACCESS_POLICY_VERSION"}  # read by Compose, not by the service


def objects() -> dict[tuple[str, str], dict[str, Any]]:
    found = [each for file in MANIFESTS for each in yaml.safe_load_all(file.read_text("utf-8"))]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def pods() -> Iterator[dict[str, Any]]:
    for each in objects().values():
        if "template" in each.get("spec", {}):
            yield each["spec"]["template"]


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    assert program is not None, f"{name} is not installed"
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


def validated(manifest: Path) -> subprocess.CompletedProcess[str]:
    return tool("kubernetes-validate", "--strict", manifest)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_manifest_fits_the_schemas_of_kubernetes(manifest: Path) -> None:
    done = validated(manifest)

    assert done.returncode == 0, done.stdout + done.stderr


def test_manifest_with_a_wrong_field_does_not_fit(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((DEPLOY / "kubernetes" / "office.yaml").read_text("utf-8").replace("replicas: 2", "replica: 2"))

    assert validated(wrong).returncode != 0


def composed(file: Path) -> subprocess.CompletedProcess[str]:
    return tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


def test_compose_file_fits_the_compose_specification(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(COMPOSE.read_text("utf-8").replace("read_only: true", "read_only_root: true"))

    done = composed(COMPOSE)

    assert done.returncode == 0, done.stdout
    assert composed(wrong).returncode != 0


def verified(directory: Path, *, without: str = "") -> subprocess.CompletedProcess[str]:
    """The units where the program they start exists."""
    program = directory / "access-policy"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/access-policy/bin/access-policy", str(program))
        (directory / unit.name).write_text(text.replace(without, "Unheard=") if without else text)
    return tool("systemd-analyze", "verify", "--man=no", *(directory / unit.name for unit in UNITS))


def test_units_pass_the_verification_of_systemd(tmp_path: Path) -> None:
    done = verified(tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Unheard" in verified(tmp_path, without="TimeoutStopSec=").stderr


@pytest.mark.parametrize("file", [*MANIFESTS, COMPOSE, *UNITS], ids=lambda path: path.name)
def test_deployment_file_names_settings_of_the_service_only(file: Path) -> None:
    unknown = set(NAMED.findall(file.read_text("utf-8"))) - SETTINGS - OF_COMPOSE

    assert unknown == set()


def test_images_have_the_version_of_the_source() -> None:
    images = {
        each["image"]
        for pod in pods()
        for part in ("containers", "initContainers")
        for each in pod["spec"].get(part, [])
    }

    assert images == {f"access-policy:{__version__}"}
    assert f"ACCESS_POLICY_VERSION:-{__version__}" in COMPOSE.read_text("utf-8")


def test_kubernetes_runs_every_role_and_migrates_apart() -> None:
    kinds = {
        ("StatefulSet", "access-policy-gateway"),
        ("Deployment", "access-policy-office"),
        ("Job", "access-policy-migrate"),
    }
    roles = {word for pod in pods() for each in pod["spec"]["containers"] for word in each["args"]} & set(ProcessRole)

    assert kinds <= objects().keys()
    assert roles == set(ProcessRole)


def test_pods_have_no_root_and_a_read_only_file_system() -> None:
    for pod in pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        for each in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])):
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in each["resources"]["limits"]


def test_services_and_disruption_budgets_select_pods_that_exist() -> None:
    labels = [pod["metadata"]["labels"].items() for pod in pods()]
    selecting = [
        each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
        for (kind, _), each in objects().items()
        if kind in ("Service", "PodDisruptionBudget")
    ]

    assert len(selecting) == 5
    assert all(any(selector.items() <= pod for pod in labels) for selector in selecting)


def test_peers_are_the_gateways_of_the_stateful_set() -> None:
    gateway = objects()["StatefulSet", "access-policy-gateway"]["spec"]
    peers = Settings(peers=objects()["ConfigMap", "access-policy-settings"]["data"]["ACCESS_POLICY_PEERS"]).peers

    assert peers == {
        f"access-policy-gateway-{number}": f"http://access-policy-gateway-{number}.{gateway['serviceName']}:8000"
        for number in range(gateway["replicas"])
    }
