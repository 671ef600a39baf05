"""The image of the Containerfile as a directory: its instructions are carried out below it, without a container engine.

COPY and RUN work on a directory for each stage. In RUN lines and in programs' first lines, absolute paths of the image become
paths below that directory; the interpreter is the one of the tests. Two things are cheaper than in the image: locked packages
are links to those of this environment, which pip installed by the same hashes, and only this service's modules are compiled.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).resolve().parents[3]
CONTAINERFILE = ROOT / "Containerfile"
NOT_CLONED = ("node_modules", "vendor")  # made by builds: a fresh clone of the repository has none
COMPILED = "/opt/access-policy/lib"
LOCKED = re.compile(r"(/\S+)/bin/python -m pip install (?:--\S+ )*--require-hashes -r (\S+)")
IMAGE_PATH = re.compile(r"(?<![\w.-])/(?=(?:opt|build|etc|var)/)")


@dataclass
class Stage:
    directory: Path
    base: str
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    health_check: Sequence[str] = ()
    runs: list[str] = field(default_factory=list)

    def place(self, path: str) -> Path:
        """A path of the image as one of this machine."""
        return self.directory / (Path(self.workdir) / path).relative_to("/")

    def here(self, text: str) -> str:
        return IMAGE_PATH.sub(lambda _: f"{self.directory}/", text)


def build(directory: Path) -> Stage:
    """Carry out all instructions; returns the last stage. Raises `AssertionError` with what a RUN line printed."""
    stages: dict[str, Stage] = {}
    stage = Stage(directory, "")
    for instruction in instructions():
        name, value = instruction["instruction"], instruction["value"]
        match name:
            case "FROM":
                base, _, alias = value.partition(" AS ")
                stage = stages[alias] = Stage(directory / (alias or "final"), base)
                (stage.directory / "etc").mkdir(parents=True)
                for file in ("passwd", "group"):
                    (stage.directory / "etc" / file).write_text("root:x:0:0::/root:/bin/sh\n")
            case "WORKDIR":
                stage.workdir = value
                stage.place(".").mkdir(parents=True, exist_ok=True)
            case "ENV":
                key, _, text = value.partition("=")
                stage.environment[key] = text
            case "COPY":
                _copy(stage, stages, value.split())
            case "RUN":
                stage.runs.append(value)
                _run(stage, value)
            case "USER":
                stage.user = value
            case "ENTRYPOINT":
                stage.entrypoint = json.loads(value)
            case "CMD":
                stage.command = json.loads(value)
            case "HEALTHCHECK":
                stage.health_check = json.loads(value[value.index("CMD") + len("CMD") :])
            case "VOLUME" | "EXPOSE" | "STOPSIGNAL" | "COMMENT":
                pass
            case _:
                raise AssertionError(f"{name} is not understood here")
    return stage


def instructions() -> list[Mapping[str, str]]:
    parsed = DockerfileParser(fileobj=io.BytesIO(CONTAINERFILE.read_bytes()))
    found: list[Mapping[str, str]] = parsed.structure
    return found


def _copy(stage: Stage, stages: Mapping[str, Stage], words: Sequence[str]) -> None:
    options = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--"))
    *sources, target = (word for word in words if not word.startswith("--"))
    origin = stages[options["from"]].directory if "from" in options else ROOT
    left_out = shutil.ignore_patterns("__pycache__", *(() if "from" in options else NOT_CLONED))
    into = stage.place(target)
    for source in sources:
        found = origin / source.lstrip("/")
        if found.is_dir():
            shutil.copytree(found, into, symlinks=True, ignore=left_out, dirs_exist_ok=True)
            if "from" in options:
                _relocate(origin, stage.directory, into)
        else:
            place = into / found.name if target.endswith("/") else into
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, place)


def _relocate(origin: Path, directory: Path, copied: Path) -> None:
    """A virtual environment has its own path in its programs' first lines: here the stages have different ones."""
    for program in (*copied.glob("bin/*"), *copied.glob("pyvenv.cfg")):
        if program.is_file() and not program.is_symlink():
            program.write_text(program.read_text().replace(str(origin), str(directory)))


def _run(stage: Stage, line: str) -> None:
    environment = {**_bare_environment(), **{name: stage.here(value) for name, value in stage.environment.items()}}
    link = f"PYTHONPATH={ROOT} {sys.executable} -m tests.support.bare_environment"
    line = LOCKED.sub(rf"{link} \1 \2", line).replace(COMPILED, f"{COMPILED}/python*/site-packages/access_policy")
    done = subprocess.run(
        ["sh", "-euc", stage.here(line)], cwd=stage.place("."), env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"RUN {line}\n{done.stdout}{done.stderr}"


def _bare_environment() -> dict[str, str]:
    """The machine's own, which says where packages come from, without what leads Python elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "ACCESS_POLICY_", "VIRTUAL"))
    }
    return {**kept, "PATH": f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"}
