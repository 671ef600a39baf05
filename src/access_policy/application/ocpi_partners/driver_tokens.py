"""The tokens module: tokens of drivers that partners push, which their bookings may name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.application.ports.ocpi import DriverToken, OcpiTokens
from access_policy.application.ports.secrets import Pseudonyms
from access_policy.domain.errors import Conflict
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ocpi_partners.partner import OcpiPartner

TOKENS_MAX: Final = 100_000  # of a partner


class TooManyTokens(Conflict):
    code = "ocpi-too-many-tokens"


@dataclass(frozen=True, slots=True)
class OcpiDriverTokens:
    """All methods raise `StoreUnavailable`."""

    tokens: OcpiTokens
    pseudonyms: Pseudonyms

    async def find(self, partner: OcpiPartner, named: Identifier) -> DriverToken | None:
        return await self.tokens.find(partner.key, self.pseudonyms.ref(partner.tenant_id, named))

    async def put(
        self, partner: OcpiPartner, named: Identifier, body: str, *, is_valid: bool, updated_at: datetime
    ) -> bool:
        """True: the token is new. One that is older than the stored one changes nothing. Raises `TooManyTokens`."""
        ref = self.pseudonyms.ref(partner.tenant_id, named)
        known = await self.tokens.find(partner.key, ref)
        if known is not None and updated_at < known.updated_at:
            return False
        token = DriverToken(
            tenant_id=partner.tenant_id,
            partner_id=partner.partner_id,
            ref=ref,
            body=body,
            is_valid=is_valid,
            updated_at=updated_at,
        )
        if not await self.tokens.put(token, tokens_max=TOKENS_MAX):
            raise TooManyTokens(f"This service keeps {TOKENS_MAX} tokens of a partner; name them in bookings instead.")
        return known is None

    async def without_invalid(self, partner: OcpiPartner, named: Iterable[Identifier]) -> tuple[Identifier, ...]:
        """Those that the partner has not pushed as invalid: an invalid token opens nothing."""
        kept = []
        for each in named:
            known = await self.find(partner, each)
            if known is None or known.is_valid:
                kept.append(each)
        return tuple(kept)
