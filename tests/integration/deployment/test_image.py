"""The image: its instructions work one after the other, and the service runs from it without writing to it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR
from tempfile import TemporaryDirectory

import pytest

from access_policy import __version__
from access_policy.entrypoints.demo.ports import free_port
from tests.integration.deployment.image import Stage, build


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that the image's user reaches; those of pytest are closed to everyone but their owner."""
    with TemporaryDirectory(prefix="image-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def image(place: Path) -> Iterator[Stage]:
    """The last stage; root owns it, and its files are read-only, as those of a container with a read-only root."""
    stage = build(place)
    _set_writable(stage, writable=False)
    yield stage
    _set_writable(stage, writable=True)


def _set_writable(image: Stage, *, writable: bool) -> None:
    for path in (image.directory, *image.directory.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if writable else mode & ~0o222)


def as_user(image: Stage, command: Sequence[str]) -> list[str]:
    """The command as the image's user if the tests run as root. That user may read everything, because the interpreter and the
    locked packages may be in a directory of root's. access(2) does not count that capability: the image is elsewhere."""
    if os.getuid() != 0:
        return [*command]
    user, group = user_of(image)
    may_read = [f"--{kind}-caps=-all,+dac_read_search" for kind in ("inh", "ambient")]
    bounded = "--bounding-set=-all,+dac_read_search"
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *may_read, bounded, *command]


@pytest.fixture
def volume(image: Stage, place: Path) -> Path:
    data = place / "data"
    data.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(data, *user_of(image))
    return data


def environment_in(image: Stage, data: Path, http: int) -> dict[str, str]:
    """What the image sets, apart from the directory of the volume and the ports."""
    own = {name: image.here(value) for name, value in image.environment.items()}
    path = f"{own['PATH']}:{os.environ['PATH']}"
    ports = {"ACCESS_POLICY_HTTP": f"127.0.0.1:{http}", "ACCESS_POLICY_OCPP": "127.0.0.1:0"}
    return {**own, "PATH": path, "ACCESS_POLICY_DATA": str(data), **ports}


def user_of(image: Stage) -> tuple[int, int]:
    user, _, group = image.user.partition(":")
    return int(user), int(group)


def written_in(image: Stage) -> dict[Path, tuple[int, int]]:
    return {file: (file.lstat().st_mtime_ns, file.lstat().st_size) for file in image.directory.rglob("*")}


@contextmanager
def started(image: Stage, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = as_user(image, [*image.entrypoint, *image.command])
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=image.directory) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("HTTP API")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            ended = process.wait(60)
        assert ended == 0


def healthy(image: Stage, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(as_user(image, image.health_check), env=environment, capture_output=True, text=True)


def test_image_serves_and_reports_its_health_as_its_user_without_writing_outside_its_volume(
    image: Stage, volume: Path
) -> None:
    environment = environment_in(image, volume, free_port())
    before = written_in(image)

    with started(image, environment):
        alive = healthy(image, environment)
    dead = healthy(image, environment)

    assert (alive.returncode, alive.stderr) == (0, "")
    assert (dead.returncode, "Connection refused" in dead.stderr) == (1, True)
    assert written_in(image) == before
    events = (volume / "events.sqlite").stat()
    assert (events.st_uid, events.st_gid) == ((os.getuid(), os.getgid()) if os.getuid() else user_of(image))


def test_user_of_image_cannot_write_to_it(image: Stage) -> None:
    program = image.place("/opt/access-policy/bin/access-policy")

    done = subprocess.run(as_user(image, ["sh", "-c", f"echo >> {program}"]), capture_output=True, text=True)

    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_image_is_readable_for_its_user_apart_from_the_volume(image: Stage) -> None:
    volume = image.place("/var/lib/access-policy")
    found = {
        path: path.lstat().st_mode for path in image.directory.rglob("*") if path != volume and not path.is_symlink()
    }

    assert len(found) > 500
    assert [path for path, mode in found.items() if ~mode & (0o005 if S_ISDIR(mode) else 0o004)] == []


def test_user_and_volume_of_image_are_those_of_the_service(image: Stage) -> None:
    assert f"access-policy:x:{image.user}:" in image.place("/etc/passwd").read_text("utf-8")
    assert image.place("/var/lib/access-policy").is_dir()


def test_image_has_the_version_of_the_source_and_the_assets_but_neither_tools_nor_sources(image: Stage) -> None:
    (site_packages,) = image.place("/opt/access-policy/lib").glob("python*/site-packages")

    assert (site_packages / f"access_policy-{__version__}.dist-info").is_dir()
    assert (site_packages / "access_policy/entrypoints/http/console/assets/vendor/htmx.min.js").stat().st_size > 0
    assert not any((site_packages / name).exists() for name in ("pip", "pytest", "hatchling", "simulated_charger"))
    assert not image.place("/build").exists()
