"""Settings and directories with which a process must not start."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from access_policy.settings import Settings


class NotAllowed(Exception):
    """The settings ask for something unsafe; the message says what to do."""


def refuse_unsafe(settings: Settings) -> None:
    """Raises `NotAllowed`."""
    if not settings.http.is_loopback:
        raise NotAllowed(
            f"The embedded key signs for this machine only, so the API listens on loopback and not on {settings.http.host}. "
            "Use 127.0.0.1, behind a proxy of your own if others must reach it."
        )


def opening_lock(directory: Path) -> IO[str]:
    """Wait for the turn of this process to open the files in `directory`; closing the result ends it. Of two processes that
    start together, only one makes keys and tables."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory / "opening.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Lock the directory of a process: two processes would drain the same spool and overwrite each other's snapshot.

    Raises `NotAllowed` when another process has the lock. The lock ends with the process, however it ends.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "serving.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise NotAllowed(
                f"Another process serves from {directory}. End it, or give this one a name of its own with --instance."
            ) from taken
        yield
