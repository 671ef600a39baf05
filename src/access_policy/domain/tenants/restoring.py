"""The restore of an installation from a backup: what happened after the backup is not in the log any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationRestored:
    """`position` is the last one of the restored log: later positions are used again, for other events. `statement` says the
    same as a signed JWT (RFC 7519), with the time of the restore."""

    TYPE: ClassVar = "installation.restored.v1"
    restore_id: str
    backed_up_at: datetime
    restored_at: datetime
    position: int
    statement: str
