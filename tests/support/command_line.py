"""The command line in a process of its own, which is a fork of one that has imported the whole program: to import it takes
longer than most commands. The fork has no thread and nothing open of the tests."""

from __future__ import annotations

import multiprocessing
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

MODULE = "access_policy.entrypoints.cli"

FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        f"{MODULE}.root",
        "access_policy.container",
        "access_policy.entrypoints.http.app",
        "access_policy.entrypoints.processes.service",
        "access_policy.entrypoints.processes.supervisor",
    ]
)


@dataclass
class Forked:
    """A running command: `out` and `err` are the files with its output."""

    arguments: tuple[str, ...]
    fork: BaseProcess
    out: Path
    err: Path

    def ended(self, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Wait for the end of the command. Raises `TimeoutError`."""
        self.fork.join(timeout_s)
        if self.fork.exitcode is None:
            raise TimeoutError(f"{self.arguments} did not end within {timeout_s:g} s")
        out, err = (file.read_text("utf-8") for file in (self.out, self.err))
        return subprocess.CompletedProcess(self.arguments, self.fork.exitcode, out, err)

    def until(self, is_so: Callable[[str], bool], timeout_s: float) -> None:
        """Wait until the output, or the end of the command, is there. Raises `TimeoutError`."""
        deadline = time.monotonic() + timeout_s
        while self.fork.exitcode is None and not (self.out.exists() and is_so(self.out.read_text("utf-8"))):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.arguments} did not print it within {timeout_s:g} s")
            self.fork.join(0.05)


def access_policy(
    *arguments: str, environment: Mapping[str, str], timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `access-policy` to its end with exactly this environment. Raises `TimeoutError`."""
    with _forked(arguments, environment) as command:
        return command.ended(timeout_s)


def interrupted(
    *arguments: str,
    environment: Mapping[str, str],
    says: str,
    timeout_s: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `access-policy` until its output matches `says`, then interrupt it as Ctrl-C does. Raises `TimeoutError`."""
    with _forked(arguments, environment) as command:
        command.until(lambda output: re.search(says, output) is not None, timeout_s)
        if command.fork.exitcode is None and command.fork.pid is not None:
            os.kill(command.fork.pid, signal.SIGINT)
        return command.ended(timeout_s)


@contextmanager
def serving(
    *arguments: str, environment: Mapping[str, str], says: str, timeout_s: float = 120
) -> Iterator[re.Match[str]]:
    """Run `access-policy serve` as one process from when its output matches `says`, for tests of its peers and clients; SIGTERM
    ends it. Raises `TimeoutError`."""
    with _forked(("serve", "--single-process", *arguments), environment) as command:
        command.until(lambda output: re.search(says, output) is not None, timeout_s)
        matched = re.search(says, command.out.read_text("utf-8"))
        assert matched is not None, command.err.read_text("utf-8")
        yield matched
        assert command.fork.pid is not None
        os.kill(command.fork.pid, signal.SIGTERM)
        ended = command.ended(timeout_s)
        assert ended.returncode == 0, ended.stderr


@contextmanager
def _forked(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[Forked]:
    with TemporaryDirectory() as directory:
        out, err = Path(directory) / "out", Path(directory) / "err"
        fork = FORKS.Process(target=_run, args=(arguments, dict(environment), out, err))
        fork.start()
        try:
            yield Forked(arguments, fork, out, err)
        finally:
            if fork.exitcode is None:
                fork.kill()
                fork.join()
            fork.close()


def _run(arguments: tuple[str, ...], environment: dict[str, str], out: Path, err: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, place, flags in ((0, Path(os.devnull), os.O_RDONLY), (1, out, _WRITE), (2, err, _WRITE)):
        opened = os.open(place, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.argv = [MODULE, *arguments]
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)


_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
