"""A virtual environment that contains the locked runtime packages and the wheels under test, and nothing else.

The runtime packages are links to this environment's copies, so building it needs no network and takes seconds.

`python -m tests.support.bare_environment DIRECTORY LOCK` links the packages of a lock file into an existing environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath
from types import MappingProxyType

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
RUNTIME_LOCK = ROOT / "requirements" / "runtime.txt"


@dataclass(frozen=True, slots=True)
class BareEnvironment:
    directory: Path

    @classmethod
    def create(cls, directory: Path) -> BareEnvironment:
        venv.EnvBuilder(symlinks=True).create(directory)
        environment = cls(directory)
        environment.link(RUNTIME_LOCK)
        return environment

    def link(self, lock: Path) -> None:
        """Link the locked packages and copy their programs."""
        for package in _locked_packages(lock):
            _link(package, self.site_packages)
            for program in _programs(package):
                copy = self.directory / "bin" / program.name
                copy.write_text(
                    f"#!{self.program('python')}\n" + program.read_text("utf-8").partition("\n")[2], "utf-8"
                )
                copy.chmod(0o755)

    @property
    def site_packages(self) -> Path:
        (found,) = self.directory.glob("lib/python*/site-packages")
        return found

    def program(self, name: str) -> str:
        return str(self.directory / "bin" / name)

    def install(self, wheel: Path) -> None:
        """Install the wheel without its dependencies."""
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            self.program("python"),
            "--quiet",
            "--disable-pip-version-check",
        ]
        _checked([*pip, "install", "--no-index", "--no-deps", str(wheel)], cwd=self.directory)

    def run(
        self, program: str, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program(program), *arguments],
            cwd=self.directory,
            env=self.variables() | dict(variables),
            capture_output=True,
            text=True,
            timeout=300,
        )

    def variables(self) -> dict[str, str]:
        """Return this process's variables without those that lead Python or the service elsewhere."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ACCESS_POLICY_"))}


def build_wheels(directory: Path) -> dict[str, Path]:
    """Build the repository's wheels as `make wheel` does. Return each wheel's path by its distribution's name."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory)]
    _checked([*pip, "wheel", *options, str(ROOT), str(ROOT / "simulator")], cwd=directory)
    return {wheel.name.partition("-")[0]: wheel for wheel in directory.glob("*.whl")}


def _checked(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _locked_packages(lock: Path) -> Iterator[metadata.Distribution]:
    """Yield the installed distributions of the lock file that apply to this interpreter."""
    for line in lock.read_text("utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.rstrip("\\ "))
            if requirement.marker is None or requirement.marker.evaluate():
                yield metadata.distribution(requirement.name)


def _programs(package: metadata.Distribution) -> Iterator[Path]:
    """Yield the package's programs that Python runs."""
    for file in package.files or ():
        program = Path(str(package.locate_file(file))).resolve()
        if (
            program.parent.name == "bin"
            and program.read_bytes().startswith(b"#!")
            and b"python" in program.read_bytes()[:200]
        ):
            yield program


def _link(package: metadata.Distribution, site_packages: Path) -> None:
    """Link the package's files; a directory that only this package fills is one link. Packages share namespaces, which are
    directories without `__init__.py`."""
    files = {PurePath(file) for file in package.files or ()}
    own = {file for file in files if file.parts[0] != ".." and "__pycache__" not in file.parts}
    for part in sorted({_of_one_package(file, own) for file in own}):
        link = site_packages / part
        assert not link.exists(), f"{package.name} shares {part} with another package"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(str(package.locate_file(part))))


def _of_one_package(file: PurePath, files: set[PurePath]) -> PurePath:
    """The shortest beginning of the path that belongs to one package: a regular package, its metadata, or the file."""
    beginnings = [PurePath(*file.parts[:end]) for end in range(1, len(file.parts) + 1)]
    return next(
        each for each in beginnings if each / "__init__.py" in files or each.suffix == ".dist-info" or each == file
    )


if __name__ == "__main__":
    BareEnvironment(Path(sys.argv[1])).link(Path(sys.argv[2]))
