"""Verify the chain: compare the stored events with the chain, and the chain with its heads."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from access_policy.application.audit.erasures import ErasuresOnRecord, no_erasures
from access_policy.application.audit.findings import Finding, Manipulation, Verification
from access_policy.application.audit.linking import BEGINNING, digest_of, hash_of, seal_of
from access_policy.application.audit.restores import no_restores, restore_behind
from access_policy.application.ports.audit_chains import (
    AuditChains,
    AuditSeals,
    Chained,
    ChainHead,
    ChainState,
    ExportedHeads,
    Link,
)
from access_policy.application.ports.raw_log import RawLog, StoredBytes
from access_policy.application.streams import tenant_of
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.restoring import InstallationRestored
from access_policy.domain.tenants.tenant import INSTALLATION

BATCH = 500  # events
LINKS_AT_ONCE = 50


Erasures = Callable[[], Awaitable[ErasuresOnRecord]]
Restores = Callable[[], Awaitable[Sequence[InstallationRestored]]]


@dataclass(frozen=True, slots=True)
class AuditVerifier:
    """Reads the whole log and all chains once, in batches. The service may keep running. `erasures` returns the erased
    tenants, whose chains are gone, with the positions that each erasure removed from the installation's streams (ADR
    0033). A chain that is gone without a signed record is a finding."""

    log: RawLog
    chains: AuditChains
    seals: AuditSeals
    erasures: Erasures = no_erasures
    restores: Restores = no_restores

    async def verify(self, exported: ExportedHeads | None = None) -> Verification:
        """Verify the chains, and compare them with heads that were exported earlier: only exported heads reveal a chain
        whose end was removed together with the events. Raises `StoreUnavailable`."""
        state = await self.chains.state()
        found = Verification(state.reached)
        erasures, restores = await self.erasures(), await self.restores()
        of_exported = exported.heads.keys() - erasures.erased if exported is not None else set()
        chained = await self.chains.tenants() | state.heads.keys()
        known = chained | of_exported
        walks = {
            tenant_id: _Walk(
                tenant_id, self.chains, self.seals, state, found, _head_in(exported, tenant_id), erasures.removed
            )
            for tenant_id in sorted(known)
        }
        found.chains = sorted(known)
        found.erased = set(erasures.erased)
        _report_vanished(erasures, chained, state, found)
        await self._compare(walks, state, found)
        for walk in walks.values():
            await walk.end()
            if exported is not None:
                walk.compare_with_exported(exported, restores)
        found.unchained = max(0, await self.log.last_position() - state.reached)
        return found

    async def _compare(self, walks: dict[TenantId, _Walk], state: ChainState, found: Verification) -> None:
        after = 0
        while batch := await self.log.read_damaged(after=after, limit=BATCH, up_to=state.reached):
            for stored in batch:
                tenant_id = tenant_of(stored.stream)
                if tenant_id not in walks:
                    walks[tenant_id] = _Walk(tenant_id, self.chains, self.seals, state, found)
                await walks[tenant_id].compare(stored)
                found.events += 1
            after = batch[-1].position


def _report_vanished(
    erasures: ErasuresOnRecord, chained: Iterable[TenantId], state: ChainState, found: Verification
) -> None:
    """Report tenants that the installation's streams name and whose chain is gone, or may be removed, without a signed
    record."""
    for tenant_id, position in sorted(erasures.unsigned.items()):
        text = (
            f"the erasure of {tenant_id} begins at position {position}, and no record signed by this installation says that "
            "it ended; if it was interrupted, run `tenant erase` again"
        )
        found.add(Finding(tenant_id=tenant_id, kind=Manipulation.VANISHED, text=text, first=position, last=position))
    for tenant_id in sorted(erasures.claiming.keys() - erasures.erased - erasures.unsigned.keys() - set(chained)):
        position = erasures.claiming[tenant_id]
        if position <= state.reached:
            text = f"{tenant_id} claims a charge point id at position {position}, and has no chain"
            found.add(
                Finding(tenant_id=tenant_id, kind=Manipulation.VANISHED, text=text, first=position, last=position)
            )


def _head_in(exported: ExportedHeads | None, tenant_id: TenantId) -> ChainHead | None:
    return None if exported is None else exported.heads.get(tenant_id)


@dataclass(slots=True)
class _Walk:
    """One walk along a tenant's chain in parallel with the tenant's stored events."""

    tenant_id: TenantId
    chains: AuditChains
    seals: AuditSeals
    state: ChainState
    found: Verification
    exported: ChainHead | None = None
    removed: frozenset[int] = frozenset()  # positions of events that the erasure of a tenant removed
    _expected: deque[Chained] = field(default_factory=deque)
    _missing: list[int] = field(default_factory=list)
    _at: ChainHead | None = None  # the last link read
    _has_exported: bool = False
    _is_over: bool = False

    async def compare(self, stored: StoredBytes) -> None:
        while (expected := await self._next()) is not None and expected.position < stored.position:
            self._note_missing(self._expected.popleft().position)
        self._report_missing(Manipulation.DELETED)
        if expected is None or expected.position > stored.position:
            text = f"the event at position {stored.position} of {stored.stream} is not in the chain"
            self._report(Manipulation.INSERTED, text, stored.position)
            return
        self._expected.popleft()
        if stored.is_foreign or digest_of(stored) != expected.digest:
            text = f"the event at position {stored.position}, number {stored.version} of {stored.stream}, was changed"
            self._report(Manipulation.EDITED, text, stored.position)

    async def end(self) -> None:
        """End the walk: all stored events have been compared, so events still expected are missing at the end."""
        while await self._next() is not None:
            self._note_missing(self._expected.popleft().position)
        self._report_missing(Manipulation.TRUNCATED)
        self._compare_with_head()

    async def _next(self) -> Chained | None:
        if not self._expected and not self._is_over:
            after = 0 if self._at is None else self._at.number
            links = await self.chains.links(self.tenant_id, after=after, limit=LINKS_AT_ONCE)
            self._is_over = len(links) < LINKS_AT_ONCE
            for link in links:
                if link.entries and link.entries[0].position > self.state.reached and self._is_behind_head(link):
                    self._is_over = True  # chained after the verification began
                    break
                self._take(link)
            return await self._next()
        return self._expected[0] if self._expected else None

    def _is_behind_head(self, link: Link) -> bool:
        stored = self.state.heads.get(self.tenant_id)
        return stored is None or link.number > stored.head.number

    def _take(self, link: Link) -> None:
        before, number, total, position = (
            (BEGINNING, 0, 0, 0)
            if self._at is None
            else (self._at.hash, self._at.number, self._at.total, self._at.position)
        )
        self.found.links += 1
        positions = [position, *(each.position for each in link.entries)]
        ascend = all(one < next_one for one, next_one in pairwise(positions))
        if link.number != number + 1:
            self._report(Manipulation.REWRITTEN, f"links {number + 1} to {link.number - 1} of the chain are missing")
        elif link.hash != hash_of(link, before, self.seals):
            self._report(Manipulation.REWRITTEN, f"link {link.number} of the chain was changed, or the one before it")
        elif not link.entries or not ascend or link.total != total + len(link.entries):
            self._report(Manipulation.REWRITTEN, f"link {link.number} of the chain does not follow the one before it")
        if self.exported is not None and (link.number, link.hash) == (self.exported.number, self.exported.hash):
            self._has_exported = True
        self._expected.extend(link.entries)
        self._at = ChainHead(
            tenant_id=self.tenant_id, number=link.number, total=link.total, position=max(positions), hash=link.hash
        )

    def _compare_with_head(self) -> None:
        stored = self.state.heads.get(self.tenant_id)
        number = 0 if self._at is None else self._at.number
        if stored is None:
            if number:
                self._report(Manipulation.REWRITTEN, "the chain has no stored head")
            return
        if stored.seal != seal_of(stored.head, self.seals):
            self._report(Manipulation.REWRITTEN, "the stored head of the chain was changed")
        elif number < stored.head.number:
            text = f"the chain ends at link {number}, and its stored head is link {stored.head.number}"
            self._report(Manipulation.TRUNCATED, text)
        elif self._at != stored.head:
            self._report(Manipulation.REWRITTEN, f"link {number} of the chain is not its stored head")

    def compare_with_exported(self, heads: ExportedHeads, restores: Iterable[InstallationRestored]) -> None:
        """Compare the chain with its exported head, after the end of the walk."""
        if self.exported is None or self._has_exported:
            return
        if (restored := restore_behind(self.exported, heads, restores)) is not None:
            text = (
                f"the log was restored at {restored.restored_at:%Y-%m-%dT%H:%M:%SZ} from a backup of "
                f"{restored.backed_up_at:%Y-%m-%dT%H:%M:%SZ}; the head from {heads.exported_at:%Y-%m-%dT%H:%M:%SZ} is "
                "later than the restored log"
            )
            self._report(Manipulation.RESTORED, text)
            return
        number = 0 if self._at is None else self._at.number
        if not number and self.tenant_id not in self.state.heads:
            text = f"the exported head is link {self.exported.number}, the chain is gone, and no signed record says why"
            self._report(Manipulation.VANISHED, text)
        elif number < self.exported.number:
            text = f"the chain ends at link {number}, and the exported head is link {self.exported.number}"
            self._report(Manipulation.TRUNCATED, text)
        else:
            text = f"link {self.exported.number} of the chain is not the one of the exported head"
            self._report(Manipulation.REWRITTEN, text)

    def _note_missing(self, position: int) -> None:
        if self.tenant_id != INSTALLATION or position not in self.removed:
            self._missing.append(position)

    def _report_missing(self, kind: Manipulation) -> None:
        if not self._missing:
            return
        first, last, count = self._missing[0], self._missing[-1], len(self._missing)
        where = (
            f"the event at position {first} is" if count == 1 else f"{count} events at positions {first} to {last} are"
        )
        at_end = " at the end of the log" if kind is Manipulation.TRUNCATED else ""
        self._report(kind, f"{where} missing{at_end}", first, last)
        self._missing.clear()

    def _report(self, kind: Manipulation, text: str, first: int | None = None, last: int | None = None) -> None:
        self.found.add(
            Finding(tenant_id=self.tenant_id, kind=kind, text=text, first=first, last=first if last is None else last)
        )
