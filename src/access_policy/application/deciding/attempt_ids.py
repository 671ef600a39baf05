"""Ids of attempts and transactions, derived from their identifying content, so that a redelivery finds the recorded
decision."""

from __future__ import annotations

from hashlib import blake2b

from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId, ChargerId, TenantId

_SEPARATOR = "\x1f"


def attempt_id_of(attempt: AccessAttempt, ref: IdentifierRef | None) -> AttemptId:
    """Return the same id for a message that the charger sends again on the same connection, and a different id for any
    other message."""
    message = f"{attempt.connection} {attempt.message_id}"
    return derived_attempt_id(attempt.tenant_id, attempt.charger_id, "ask", message, ref)


def derived_attempt_id(
    tenant_id: TenantId, charger_id: ChargerId, what: str, message: str, ref: IdentifierRef | None
) -> AttemptId:
    """Return 128 bits in hex, derived from the identifier, the charger and the message. `what` separates kinds of
    messages."""
    pseudonym = "" if ref is None else f"{ref.kind}:{ref.pseudonym}"
    return AttemptId(_digest(tenant_id, charger_id, what, message, pseudonym).hex())


def numeric_transaction_id(attempt: int, *parts: str) -> int:
    """Return a transaction id for OCPP 1.6, where the service assigns it: 31 bits, never 0. `attempt` counts up on
    collisions."""
    number = int.from_bytes(_digest("transaction", str(attempt), *parts)[:4]) & 0x7FFF_FFFF
    return number or 1


def _digest(*parts: str) -> bytes:
    return blake2b(_SEPARATOR.join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
