"""The restore of an installation from a backup: the log no longer contains events from after the backup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationRestored:
    """The installation was restored. `position` is the last position of the restored log: later positions are used again,
    for other events. `statement` is a signed JWT (RFC 7519) with the same content and the time of the restore.
    """

    TYPE: ClassVar = "installation.restored.v1"
    restore_id: str
    backed_up_at: datetime
    restored_at: datetime
    position: int
    statement: str
