"""The findings of a verification of the audit chain, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from access_policy.domain.ids import TenantId

FINDINGS_MAX = 100  # per chain; further ones are only counted


class Manipulation(StrEnum):
    EDITED = "edited"  # an event differs from its digest in the chain
    DELETED = "deleted"  # events are missing, and later ones are present
    INSERTED = "inserted"  # an event is stored among chained ones and is not chained itself
    TRUNCATED = "truncated"  # the last events, or the last links, are missing
    REWRITTEN = "rewritten"  # the chain itself was changed
    RESTORED = "restored"  # the exported head is later than the backup from which the log was restored
    VANISHED = "vanished"  # a tenant has no chain, and no signed record of its erasure


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    tenant_id: TenantId
    kind: Manipulation
    text: str
    first: int | None = None  # positions in the log, both included
    last: int | None = None


@dataclass(slots=True)
class Verification:
    """`events` is the number compared with the chain; `unchained` is the number younger than the chain."""

    reached: int
    events: int = 0
    links: int = 0
    unchained: int = 0
    chains: list[TenantId] = field(default_factory=list)
    erased: set[TenantId] = field(default_factory=set)  # tenants with signed records of the installation
    findings: list[Finding] = field(default_factory=list)
    unlisted: int = 0  # findings that were only counted

    def add(self, finding: Finding) -> None:
        of_chain = sum(each.tenant_id == finding.tenant_id for each in self.findings)
        if of_chain < FINDINGS_MAX:
            self.findings.append(finding)
        else:
            self.unlisted += 1

    @property
    def holds(self) -> bool:
        return not self.findings
