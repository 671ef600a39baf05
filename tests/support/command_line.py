"""The command line in a process of its own, which is a fork of one that has imported the whole program: to import it takes
longer than most commands. The fork has no thread and nothing open of the tests."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

MODULE = "access_policy.entrypoints.cli"

FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([MODULE, "access_policy.container", "access_policy.entrypoints.processes.supervisor"])


def access_policy(
    *arguments: str, environment: Mapping[str, str], timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `access-policy` to its end with exactly this environment. Raises `TimeoutError`."""
    with TemporaryDirectory() as directory:
        out, err = Path(directory) / "out", Path(directory) / "err"
        fork = FORKS.Process(target=_run, args=(arguments, dict(environment), out, err))
        fork.start()
        fork.join(timeout_s)
        if fork.exitcode is None:
            fork.kill()
            fork.join()
            raise TimeoutError(f"{arguments} did not end within {timeout_s:g} s")
        status = fork.exitcode
        fork.close()
        return subprocess.CompletedProcess(arguments, status, out.read_text("utf-8"), err.read_text("utf-8"))


def _run(arguments: tuple[str, ...], environment: dict[str, str], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, place, flags in ((0, Path(os.devnull), os.O_RDONLY), (1, out, _WRITE), (2, err, _WRITE)):
        opened = os.open(place, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.argv = [MODULE, *arguments]
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)


_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
