"""The restores of the installation in the log: an exported head may be later than a restored log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from access_policy.application.ports.audit_chains import ChainHead, ExportedHeads
from access_policy.application.ports.raw_log import RawLog
from access_policy.domain.tenants.restoring import InstallationRestored

IsSigned = Callable[[InstallationRestored], bool]


async def no_restores() -> list[InstallationRestored]:
    return []


@dataclass(frozen=True, slots=True)
class ReadRestores:
    """`is_signed` returns whether this installation signed the record's statement and the statement agrees with the
    record."""

    log: RawLog
    is_signed: IsSigned

    async def __call__(self) -> list[InstallationRestored]:
        """Return the signed records in log order; damaged ones do not count. Raises `StoreUnavailable`."""
        recorded = await self.log.read_damaged_of({InstallationRestored.TYPE})
        return [
            each.event
            for each in recorded
            if isinstance(each.event, InstallationRestored) and self.is_signed(each.event)
        ]


def restore_behind(
    head: ChainHead, exported: ExportedHeads, restores: Iterable[InstallationRestored]
) -> InstallationRestored | None:
    """Return the restore that removed the part of the log with this head: the head was exported before the restore, and
    is later than the restored log. A head exported after the restore must be in the chain."""
    for restored in restores:
        if exported.exported_at <= restored.restored_at and head.position > restored.position:
            return restored
    return None
