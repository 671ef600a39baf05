"""Record that the installation was restored from a backup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, EventStore, VersionConflict
from access_policy.application.streams import restore_stream
from access_policy.domain.ids import ActorId
from access_policy.domain.tenants.restoring import InstallationRestored
from access_policy.domain.tenants.tenant import INSTALLATION

RESTORE = ActorId("restore")

Sign = Callable[[str, datetime, datetime, int], str]


@dataclass(frozen=True, slots=True)
class RecordRestore:
    """`sign` signs the statement of a restore: its id, the times of the backup and of the restore, and the log's last
    position."""

    store: EventStore
    sign: Sign
    clock: Clock

    async def __call__(self, restore_id: str, *, backed_up_at: datetime, restored_at: datetime) -> None:
        """Record the restore; a repeated call has no effect. Raises `StoreUnavailable`."""
        position = await self.store.last_position()
        event = InstallationRestored(
            restore_id=restore_id,
            backed_up_at=backed_up_at,
            restored_at=restored_at,
            position=position,
            statement=self.sign(restore_id, backed_up_at, restored_at, position),
        )
        context = Context(tenant_id=INSTALLATION, actor=RESTORE, correlation_id=restore_id)
        try:
            new = enveloped(context, (event,), now=self.clock.now())
            await self.store.append([Append(restore_stream(restore_id), 0, new)])
        except VersionConflict:
            return  # recorded before an interruption of this command
