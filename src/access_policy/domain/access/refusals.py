"""The refusals of decisions, including those that `observe` only records."""

from __future__ import annotations

from access_policy.domain.access.events import AccessAllowed, AccessDenied, EntranceAllowed, EntranceDenied
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import IdentifierKind

AtEntrance = EntranceAllowed | EntranceDenied
Decided = AccessAllowed | AccessDenied | AtEntrance


def refused_for(decided: Decided) -> Reason | None:
    """Return the reason of the refusal, or of the refusal that `observe` suppressed; None if the attempt is allowed either
    way.
    """
    if isinstance(decided, AccessAllowed):
        return decided.would_deny
    return decided.would_deny if isinstance(decided, EntranceAllowed) else decided.reason


def row_of(decided: Decided) -> Reason:
    """Return the row of the table that answered; under `observe`, the row that would have denied."""
    return refused_for(decided) or decided.reason


def is_wrong_pin(decided: Decided) -> bool:
    identifier = decided.lineage.identifier
    if identifier is None or identifier.kind is not IdentifierKind.PIN:
        return False
    return Reason.UNKNOWN_IDENTIFIER in (refused_for(decided), decided.lineage.restricted_as)


def is_unknown(decided: Decided) -> bool:
    """Whether an identifier that no vehicle has was presented. A wrong PIN does not count, because it cannot be enrolled."""
    lineage = decided.lineage
    return (
        refused_for(decided) is Reason.UNKNOWN_IDENTIFIER
        and lineage.vehicle_id is None
        and lineage.identifier is not None
        and lineage.identifier.kind is not IdentifierKind.PIN
    )


def is_enrollable(decided: Decided) -> bool:
    """Like `is_unknown`, but also false if the digits may be a PIN that was typed at a charger that reports PINs as cards."""
    identifier = decided.lineage.identifier
    return is_unknown(decided) and identifier is not None and not identifier.is_hidden
