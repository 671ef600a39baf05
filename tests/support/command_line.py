"""The command line in a process of its own, which is a fork in tests with real parts (`tests/support/forks`)."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

MODULE: Final = "access_policy.entrypoints.cli"


@dataclass
class Running:
    """A running command: `out` and `err` are the files with its output."""

    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def ended(self, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Wait for the end of the command. Raises `TimeoutError`."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.arguments} did not end within {timeout_s:g} s") from None
        out, err = (file.read_text("utf-8") for file in (self.out, self.err))
        return subprocess.CompletedProcess(self.arguments, status, out, err)

    def until(self, is_so: Callable[[str], bool], timeout_s: float) -> None:
        """Wait until the output, or the end of the command, is there. Raises `TimeoutError`."""
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None and not is_so(self.out.read_text("utf-8")):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.arguments} did not print it within {timeout_s:g} s")
            time.sleep(0.05)


def access_policy(
    *arguments: str, environment: Mapping[str, str], timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `access-policy` to its end with exactly this environment. Raises `TimeoutError`."""
    with _running(arguments, environment) as command:
        return command.ended(timeout_s)


def interrupted(
    *arguments: str,
    environment: Mapping[str, str],
    says: str,
    timeout_s: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `access-policy` until its output matches `says`, then interrupt it as Ctrl-C does. Raises `TimeoutError`."""
    with _running(arguments, environment) as command:
        command.until(lambda output: re.search(says, output) is not None, timeout_s)
        command.process.send_signal(signal.SIGINT)
        return command.ended(timeout_s)


@contextmanager
def serving(
    *arguments: str, environment: Mapping[str, str], says: str, timeout_s: float = 120
) -> Iterator[re.Match[str]]:
    """Run `access-policy serve` as one process from when its output matches `says`, for tests of its peers and clients; SIGTERM
    ends it. Raises `TimeoutError`."""
    with _running(("serve", "--single-process", *arguments), environment) as command:
        command.until(lambda output: re.search(says, output) is not None, timeout_s)
        matched = re.search(says, command.out.read_text("utf-8"))
        assert matched is not None, command.err.read_text("utf-8")
        yield matched
        command.process.send_signal(signal.SIGTERM)
        ended = command.ended(timeout_s)
        assert ended.returncode == 0, ended.stderr


@contextmanager
def _running(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[Running]:
    command = [sys.executable, "-m", MODULE, *arguments]
    with TemporaryDirectory() as directory:
        out, err = Path(directory) / "out", Path(directory) / "err"
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=to_out, stderr=to_err, env=dict(environment)
            )
        try:
            yield Running(arguments, process, out, err)
        finally:
            process.kill()
            process.wait()
