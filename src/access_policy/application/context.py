"""The context of a command: the actor, the request, and the envelope fields that follow from them."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
from datetime import datetime

from access_policy.application.ports.event_store import Envelope, NewEvent, Origin
from access_policy.application.trace_context import current_traceparent
from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.values import cheap_dataclass

SYSTEM = ActorId("system")
CREATED_ID_LENGTH = 16  # hex digits


@cheap_dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`correlation_id` is the request's; `causation_id` is the event or message that led here, if any. `command_seed`
    is set for commands that may run more than once (Idempotency-Key): every run has the same seed. `origin` is the
    request's."""

    tenant_id: TenantId
    actor: ActorId
    correlation_id: str
    causation_id: str | None = None
    command_seed: str | None = None
    origin: Origin | None = None

    def created_id(self, operation: str, target: str = "") -> str:
        """Return the id of a new object of `operation` at `target`: the same in every run of the command, random
        without a seed."""
        if self.command_seed is None:
            return new_id()[:CREATED_ID_LENGTH]
        derived_from = "\0".join((self.command_seed, operation, target))
        return hashlib.sha256(derived_from.encode()).hexdigest()[:CREATED_ID_LENGTH]


_random = random.Random(secrets.randbits(256))  # noqa: S311  ids need to differ, not to be secret
os.register_at_fork(
    after_in_child=lambda: _random.seed(secrets.randbits(256))
)  # otherwise two processes would create the same ids


def new_id() -> str:
    """Return 128 random bits in hex: unique, but not a secret."""
    return f"{_random.getrandbits(128):032x}"


def enveloped(
    context: Context, events: tuple[object, ...], *, now: datetime, occurred_at: datetime | None = None
) -> tuple[NewEvent, ...]:
    """Put each event in an envelope with a new id."""
    return tuple(
        [
            NewEvent(
                event,
                Envelope(
                    event_id=new_id(),
                    tenant_id=context.tenant_id,
                    occurred_at=now if occurred_at is None else occurred_at,
                    recorded_at=now,
                    actor=context.actor,
                    correlation_id=context.correlation_id,
                    causation_id=context.causation_id,
                    traceparent=current_traceparent(),
                    origin=context.origin,
                ),
            )
            for event in events
        ]
    )
