"""The tokens module: tokens of drivers that partners push, which their bookings may name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.application.ports.ocpi import DriverToken, OcpiTokens
from access_policy.application.ports.partners import PartnerKey
from access_policy.application.ports.secrets import Pseudonyms
from access_policy.domain.errors import Conflict
from access_policy.domain.identifiers import Identifier, IdentifierRef
from access_policy.domain.ocpi_partners.partner import OcpiPartner

TOKENS_MAX: Final = 100_000  # per partner


class TooManyTokens(Conflict):
    code = "ocpi-too-many-tokens"


@dataclass(frozen=True, slots=True)
class Pushed:
    """`to_review`: bookings that name the token may need to withhold it, or to admit by it again."""

    ref: IdentifierRef
    is_new: bool
    to_review: bool


@dataclass(frozen=True, slots=True)
class OcpiDriverTokens:
    """All methods raise `StoreUnavailable`."""

    tokens: OcpiTokens
    pseudonyms: Pseudonyms

    async def find(self, partner: OcpiPartner, named: Identifier) -> DriverToken | None:
        return await self.tokens.find(partner.key, self.pseudonyms.ref(partner.tenant_id, named))

    async def put(
        self, partner: OcpiPartner, named: Identifier, body: str, *, is_valid: bool, updated_at: datetime
    ) -> Pushed:
        """Store the token; one older than the stored one changes nothing. Raises `TooManyTokens`."""
        ref = self.pseudonyms.ref(partner.tenant_id, named)
        known = await self.tokens.find(partner.key, ref)
        if known is not None and updated_at < known.updated_at:
            return Pushed(ref, is_new=False, to_review=False)
        token = DriverToken(
            tenant_id=partner.tenant_id,
            partner_id=partner.partner_id,
            ref=ref,
            body=body,
            is_valid=is_valid,
            updated_at=updated_at,
        )
        if not await self.tokens.put(token, tokens_max=TOKENS_MAX):
            raise TooManyTokens(
                f"This service keeps at most {TOKENS_MAX} tokens per partner; name them in bookings instead."
            )
        to_review = not is_valid or (known is not None and not known.is_valid)
        return Pushed(ref, is_new=known is None, to_review=to_review)

    async def invalid_among(self, key: PartnerKey, refs: Iterable[IdentifierRef]) -> frozenset[IdentifierRef]:
        """Return those that the partner has declared invalid, which admit no one."""
        return frozenset(ref for ref, is_valid in (await self.known(key, refs)).items() if not is_valid)

    async def known(self, key: PartnerKey, refs: Iterable[IdentifierRef]) -> dict[IdentifierRef, bool]:
        """Return, for each of these tokens that the partner has pushed, whether it is valid."""
        asked = {(each.kind, each.pseudonym): each for each in refs}
        found = await self.tokens.find_many(key, list(asked.values())) if asked else []
        return {asked[each.ref.kind, each.ref.pseudonym]: each.is_valid for each in found}
