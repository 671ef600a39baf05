"""Completion as bash does it, with the script that `--show-completion` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer._completion_shared import get_completion_script

PROGRAM = f"""#!{sys.executable}
from access_policy.entrypoints.cli.__main__ import main
main()
"""
COMPLETE = """
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_access_policy_completion access-policy
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    script = get_completion_script(prog_name="access-policy", complete_var="_ACCESS_POLICY_COMPLETE", shell="bash")
    (tmp_path / "completion.sh").write_text(script)
    (tmp_path / "access-policy").write_text(PROGRAM)
    (tmp_path / "access-policy").chmod(0o755)
    return tmp_path


def completed(directory: Path, *words: str) -> list[str]:
    ran = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", str(directory / "completion.sh"), "access-policy", *words],
        env={**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("over",), ["override", "overrides"]),
        (("chargers", "re"), ["retire", "reset"]),
        (("chargers", "list", "--l"), ["--limit"]),
        (("--json", "chargers", "list", "--tok"), ["--token"]),
        (("token", "--role", "a"), ["admin", "auditor"]),
        (("token", "--role", "=", "a"), ["admin", "auditor"]),
        (("chargers", "list", "--limit", ""), [""]),
    ],
)
def test_bash_completes_a_line(directory: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(directory, *words) == offered


def test_program_prints_the_script_of_a_shell(directory: Path) -> None:
    ran = subprocess.run(
        [directory / "access-policy"],
        env={**os.environ, "_ACCESS_POLICY_COMPLETE": "source_zsh", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "#compdef access-policy" in ran.stdout
