"""The wheels contain all that the service needs: they run where only the locked runtime packages are installed."""

from __future__ import annotations

import asyncio
import signal
import zipfile
from pathlib import Path

import httpx
import pytest

from access_policy import __version__
from tests.support.bare_environment import ROOT, BareEnvironment, build_wheels
from tests.support.process import free_port

READY_S = 180.0  # a deadline for a busy machine, not an expectation


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def bare(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> BareEnvironment:
    """The service's wheel alone."""
    environment = BareEnvironment.create(tmp_path_factory.mktemp("bare"))
    environment.install(wheels["access_policy"])
    return environment


@pytest.mark.parametrize(
    ("wheel", "source", "others"),
    [
        ("access_policy", "src", ()),
        ("simulated_charger", "simulator/src", ("simulated_partner", "simulated_provider", "simulated_wire")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wheel_contains_every_file_of_its_packages_and_no_other(
    wheel: str, source: str, others: tuple[str, ...], wheels: dict[str, Path]
) -> None:
    package = ROOT / source
    written = {
        str(path.relative_to(package))
        for name in (wheel, *others)
        for path in (package / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    packed = {name for name in zipfile.ZipFile(wheels[wheel]).namelist() if ".dist-info/" not in name}

    assert packed == written
    assert {f"{name}/py.typed" for name in (wheel, *others)} <= packed


def test_bare_environment_lacks_developers_packages_and_the_simulated_chargers(bare: BareEnvironment) -> None:
    for module in ("pytest", "moto", "simulated_charger"):
        result = bare.run("python", "-c", f"import {module}")
        assert f"No module named '{module}'" in result.stderr


def test_installed_version_is_that_of_the_source(bare: BareEnvironment) -> None:
    result = bare.run("access-policy", "--version")

    assert (result.returncode, result.stdout, result.stderr) == (0, f"access-policy {__version__}\n", "")


def test_installed_demo_without_the_extra_says_what_to_install(bare: BareEnvironment) -> None:
    result = bare.run("access-policy", "demo-once")

    assert result.returncode == 1
    assert "install access-policy[demo]" in result.stderr


def test_installed_demo_with_the_extra_is_importable(bare: BareEnvironment, wheels: dict[str, Path]) -> None:
    extra = {"PYTHONPATH": str(wheels["simulated_charger"])}  # Python imports from a wheel as it is

    result = bare.run("python", "-c", "import access_policy.entrypoints.demo.run", variables=extra)

    assert (result.returncode, result.stderr) == (0, "")


async def test_installed_service_migrates_serves_and_stops_at_an_interrupt(
    bare: BareEnvironment, tmp_path: Path
) -> None:
    migrated = await asyncio.to_thread(bare.run, "access-policy", "migrate", "--data", str(tmp_path))
    assert migrated.returncode == 0, migrated.stderr
    http, ocpp = free_port(), free_port()
    service = await asyncio.create_subprocess_exec(
        *(bare.program("access-policy"), "serve", "--data", str(tmp_path)),
        *("--http", f"127.0.0.1:{http}", "--ocpp", f"127.0.0.1:{ocpp}"),
        cwd=bare.directory,
        env=bare.variables() | {"ACCESS_POLICY_DRAIN_S": "0.1"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await _until_ready(f"http://127.0.0.1:{http}/readyz", service)
        service.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(service.communicate(), READY_S)
    finally:
        if service.returncode is None:
            service.kill()
            await service.wait()

    assert service.returncode == 0, errors.decode()
    assert b"Traceback" not in errors


async def _until_ready(url: str, service: asyncio.subprocess.Process) -> None:
    """Wait until the service reports ready. Raise `TimeoutError` after `READY_S`; fail if the service ends instead."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client, asyncio.timeout(READY_S):
        while True:
            assert service.returncode is None, (await service.communicate())[1].decode()
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
