"""The keys of an installation: files of 32 random bytes that only their owner may read.

Back the keys up separately: without them the service cannot recognise identifiers, open sealed values or accept chargers'
passwords.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyFileUnusable(Exception):
    """A key is missing, damaged or readable by others. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """One key for each purpose."""

    pseudonyms: bytes = field(repr=False)
    vault: bytes = field(repr=False)
    charger_passwords: bytes = field(repr=False)


def open_keys(directory: Path, *, may_create: bool = True) -> Keys:
    """Read the keys in `directory`; create them if none exists and `may_create`. If only some exist, the others are lost.

    Raises `KeyFileUnusable`.
    """
    files = {name: directory / f"{name}.key" for name in ("pseudonyms", "vault", "charger_passwords")}
    missing = [str(file) for file in files.values() if not file.exists()]
    if len(missing) == len(files) and may_create:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in files.values():
            _create(file)
    elif missing:
        raise KeyFileUnusable(
            f"{', '.join(missing)}: missing, although data that depends on it exists. "
            "Restore it from your backup of the keys."
        )
    return Keys(**{name: _read(file) for name, file in files.items()})


def derived_key(master: bytes, purpose: str) -> bytes:
    """Derive a key for a purpose that has no key file (HKDF, RFC 5869)."""
    return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=f"access-policy {purpose}".encode()).derive(master)


def _create(file: Path) -> None:
    """Create the key file atomically: link it to its name after it is on disk."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # readable by its owner only
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(secrets.token_bytes(KEY_BYTES))
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, file)
    except FileExistsError:
        return  # another process created it first
    finally:
        draft.unlink()


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
        if mode & _OTHERS:
            raise KeyFileUnusable(
                f"{file}: others may read or write this key (mode {mode:04o}). "
                f"Run chmod 600 '{file}', and consider replacing the key."
            )
        key = opened.read()
    if len(key) != KEY_BYTES:
        raise KeyFileUnusable(
            f"{file}: a key has {KEY_BYTES} bytes, this file has {len(key)}. Restore it from your backup of the keys."
        )
    return key
