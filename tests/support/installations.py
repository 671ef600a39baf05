"""What a service left behind, its files and its events, to begin tests with: a copy takes far less time than the requests."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventsourcing.persistence import StoredEvent


@dataclass(frozen=True)
class KeptFile:
    mode: int
    content: bytes


@dataclass(frozen=True)
class Installation:
    """`files` by their path in the data directory; `events` as the store keeps them, in the order of the log; `answers` are
    the bodies of the answers to the requests that led here."""

    files: Mapping[Path, KeptFile]
    events: Sequence[StoredEvent]
    answers: Sequence[Any] = ()

    def copy_files(self, directory: Path) -> None:
        """Raises `FileExistsError` if the directory has one of the files."""
        for path, file in self.files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            with open(
                directory / path, "xb", opener=lambda name, flags, mode=file.mode: os.open(name, flags, mode)
            ) as copy:
                copy.write(file.content)


def files_in(directory: Path) -> dict[Path, KeptFile]:
    return {
        file.relative_to(directory): KeptFile(file.stat().st_mode & 0o777, file.read_bytes())
        for file in directory.rglob("*")
        if file.is_file()
    }
