"""`.ci/side-by-side`, by which `make test` makes its parts at the same time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
# "first" ends after both others have begun. It waits for them, so that the order does not depend on chance.
MAKE: Final = """#!/bin/sh
cd "$(dirname "$0")"
echo "$2 begins"
: > "$2.begun"
[ "$2" != first ] || until [ -e second.begun ] && [ -e third.begun ]; do sleep 0.01; done
echo "$2 ends"
case " $FAILING " in *" $2 "*) exit 3;; esac
"""


@pytest.fixture
def make(tmp_path: Path) -> Path:
    program = tmp_path / "make"
    program.write_text(MAKE)
    program.chmod(0o755)
    return program


def ran(make: Path, failing: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAKE": str(make), "FAILING": failing}
    command = [ROOT / ".ci" / "side-by-side", "first", "second", "third"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_targets_are_made_at_the_same_time_and_their_output_is_not_mixed(make: Path) -> None:
    done = ran(make)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        *("first begins", "first ends"),
        *("", "--- make second", "second begins", "second ends"),
        *("", "--- make third", "third begins", "third ends"),
    ]


@pytest.mark.parametrize("failing", ["first", "second", "third", "first third"])
def test_status_is_1_whichever_fails_and_the_last_lines_name_it(make: Path, failing: str) -> None:
    done = ran(make, failing)

    names = failing.split()
    assert done.returncode == 1
    assert done.stdout.splitlines()[-len(names) :] == [f"make {name} failed" for name in names]
    assert {"first ends", "second ends", "third ends"} <= set(done.stdout.splitlines())
