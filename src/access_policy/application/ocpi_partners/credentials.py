"""The credentials module: a partner registers, renews its credentials, or ends the connection."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.context import Context
from access_policy.application.ocpi_partners.changing import ChangePartner
from access_policy.application.ocpi_partners.tokens import digests_of, new_token
from access_policy.application.partners.tokens import digest_of
from access_policy.application.ports.ocpi import OcpiPeers, OwnCredentials, PeerFailed
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.ocpi_partners.errors import (
    AlreadyRegistered,
    NotRegistered,
    OcpiPartnerInvalid,
    PartnerNotReached,
    PartyWrong,
)
from access_policy.domain.ocpi_partners.events import connection_changed
from access_policy.domain.ocpi_partners.partner import OcpiPartner


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerCredentials:
    """Credentials that a partner sent: `token` is this service's token at the partner; `parties` are the parties of its
    roles."""

    token: str
    versions_url: str
    parties: frozenset[str]


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The partner of a request, and the token by which it was found."""

    partner: OcpiPartner
    token: IssuedToken


@dataclass(frozen=True, slots=True)
class OcpiCredentials:
    """All methods raise `StoreUnavailable`."""

    change: ChangePartner
    peers: OcpiPeers

    async def authenticate(self, presented: str) -> Authenticated | None:
        """Return the partner that holds the token, sent as it is or in Base64; None for any other string, and for a
        partner that is switched off."""
        found = await self.change.holder(digests_of(presented))
        return Authenticated(*found) if found is not None and found[0].settings.enabled else None

    async def register(self, context: Context, by: Authenticated, sent: PartnerCredentials, url: str) -> OwnCredentials:
        """Replace token A: the partner's token B and a new token C are used from now on. Raises `AlreadyRegistered`, or
        what `renew` raises."""
        if not by.token.registers:
            raise AlreadyRegistered("You are registered already; send PUT to renew the credentials.")
        return await self._exchanged(context, by, sent, url)

    async def renew(self, context: Context, by: Authenticated, sent: PartnerCredentials, url: str) -> OwnCredentials:
        """Exchange the credentials of a registered partner for new ones. Raises `NotRegistered`, `PartyWrong`,
        `OcpiPartnerInvalid`, `PartnerNotReached` or `TooBusy`."""
        if by.token.registers:
            raise NotRegistered("You are not registered yet; send POST first.")
        return await self._exchanged(context, by, sent, url)

    async def end(self, context: Context, by: Authenticated) -> None:
        """End the connection at the partner's request. Raises `NotRegistered` or `TooBusy`."""
        if by.token.registers:
            raise NotRegistered("You are not registered.")
        after = by.partner.disconnected(now=self.change.clock.now())
        await self.change.put(context, after, connection_changed(after), expected=by.partner.version)

    async def _exchanged(
        self, context: Context, by: Authenticated, sent: PartnerCredentials, url: str
    ) -> OwnCredentials:
        partner = by.partner
        if partner.partner_id not in sent.parties:
            raise PartyWrong(
                f"These credentials are of {', '.join(sorted(sent.parties))[:100]}; this connection belongs to "
                f"{partner.partner_id}.",
                pointer="/roles",
            )
        if (refusal := self.peers.refusal_of(sent.versions_url)) is not None:
            raise OcpiPartnerInvalid(f"{refusal}.", pointer="/url")
        try:
            connection = await self.peers.discover(sent.versions_url, sent.token)
        except PeerFailed as failed:
            raise PartnerNotReached(f"Your API cannot be used: {failed}.") from failed
        token = new_token()
        # The token of this request stays valid until the new one is used, because this answer may be lost.
        after = partner.connected(connection, digest_of(token), now=self.change.clock.now(), former=by.token)
        await self.change.put(context, after, connection_changed(after), expected=partner.version)
        return own_credentials(after, token, url)


def own_credentials(partner: OcpiPartner, token: str, url: str) -> OwnCredentials:
    own = partner.settings.own_party
    return OwnCredentials(
        token=token,
        versions_url=url,
        country_code=own.country_code,
        party_id=own.party_id,
        name=partner.settings.own_name,
    )
