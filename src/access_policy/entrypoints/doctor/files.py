"""The data directory, the keys and the space on the disks."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from access_policy.adapters.identity.embedded import KEY_FILE
from access_policy.adapters.secrets.key_files import KeyFileUnusable, open_keys
from access_policy.entrypoints.doctor.findings import Finding, act, ok, soon
from access_policy.settings import Settings

FREE_BYTES_MIN: Final = 1024**3
FREE_SHARE_SOON: Final = 0.1
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def data_directory(settings: Settings) -> Iterator[Finding]:
    data, check = settings.data, "data directory"
    if not data.is_dir():
        yield soon(
            check, f"{data.absolute()} does not exist", "The first start creates it; else correct ACCESS_POLICY_DATA."
        )
        return
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield act(check, f"this user may not read and write {data}", f"Run as its owner, or: chown -R USER '{data}'")
        return
    mode = stat.S_IMODE(data.stat().st_mode)
    if mode & OTHERS_WRITE:
        yield act(check, f"others may write to {data} (mode {mode:04o})", f"chmod 700 '{data}'")
    elif mode & OTHERS:
        yield soon(check, f"others may read {data} (mode {mode:04o})", f"chmod 700 '{data}'")
    else:
        yield ok(check, f"only its owner may access {data}")


def keys(settings: Settings) -> Iterator[Finding]:
    directory = settings.data / "keys"
    if not directory.is_dir():
        if settings.data.is_dir() and any(settings.data.glob("*.sqlite")):
            yield act(
                "keys", f"{directory} is missing, but there is data made with its keys", "Restore it from your backup."
            )
        else:
            yield soon("keys", "there are none yet", "The first start creates them; include them in your backups.")
        return
    try:
        open_keys(directory, may_create=False)
    except (KeyFileUnusable, OSError) as error:
        yield act("keys", str(error), "See docs/operations.md, Restore.")
        return
    if (open_to_others := _open_to_others(directory)) is not None:
        mode = stat.S_IMODE(open_to_others.stat().st_mode)
        yield act(
            "keys", f"others may read or write {open_to_others} (mode {mode:04o})", f"chmod go= '{open_to_others}'"
        )
        return
    if not (directory / KEY_FILE).exists():
        yield soon("keys", f"{KEY_FILE} is missing", "The next start creates it; earlier tokens are no longer valid.")
        return
    yield ok("keys", f"all keys in {directory} are readable, and only by their owner")


def disk_space(settings: Settings) -> Iterator[Finding]:
    files = (settings.store_location, settings.read_models_location)
    places = {settings.data, *(file.parent for file in files if isinstance(file, Path))}
    for place in sorted({_existing(each.absolute()) for each in places}):
        usage = shutil.disk_usage(place)
        text = f"{usage.free / 1024**3:.1f} GiB of {usage.total / 1024**3:.0f} GiB are free at {place}"
        inodes = os.statvfs(place)
        if usage.free < FREE_BYTES_MIN or (inodes.f_files and not inodes.f_favail):
            yield act("disk space", text, "Free some space or move the data: on a full disk no decision is recorded.")
        elif usage.free < FREE_SHARE_SOON * usage.total:
            yield soon("disk space", text, "Plan for more space.")
        else:
            yield ok("disk space", text)


def _open_to_others(directory: Path) -> Path | None:
    files = (directory, *sorted(directory.iterdir()))
    return next((file for file in files if stat.S_IMODE(file.stat().st_mode) & OTHERS), None)


def _existing(place: Path) -> Path:
    return next(each for each in (place, *place.parents) if each.exists())
