"""A partner declares a token of its drivers valid or invalid: the token then admits, or no longer admits, under the
bookings that name it."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_book import ChangeBook
from access_policy.application.context import Context
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import DepotId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewToken:
    """Concerns the party's bookings at the depot."""

    depot_id: DepotId
    party: str
    token: IdentifierRef
    is_valid: bool


@dataclass(frozen=True, slots=True)
class ReviewTokenHandler:
    change: ChangeBook

    async def __call__(self, context: Context, command: ReviewToken) -> Done:
        """Record the declaration; a repetition changes nothing. Raises `VersionConflict` or `StoreUnavailable`."""
        now = self.change.clock.now()
        return await self.change(
            context,
            command.depot_id,
            None,
            lambda book: book.version,
            lambda book: book.review_token(
                command.party, command.token, is_valid=command.is_valid, reviewed_by=context.actor, now=now
            ),
        )
