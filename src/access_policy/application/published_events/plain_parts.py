"""Parts that the public forms of several events share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from access_policy.application.published_events import shared
from access_policy.domain.access_mode import Cause
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.site_energy.gate import GateEnvelope


def alike(public: type, *names: str) -> Callable[[Any], Any]:
    """Return a function that copies fields with the same name and plain values."""
    return lambda event: public(**{name: getattr(event, name) for name in names})


def identifier(ref: IdentifierRef | None) -> shared.Identifier | None:
    return None if ref is None else known_identifier(ref)


def known_identifier(ref: IdentifierRef) -> shared.Identifier:
    return shared.Identifier(kind=ref.kind, pseudonym=ref.pseudonym)


def cause_of(cause: Cause) -> shared.Cause:
    return shared.Cause(kind=cause.kind, id=cause.id, name=cause.name)


def binding_envelope(envelope: GateEnvelope | None) -> shared.BindingEnvelope | None:
    if envelope is None:
        return None
    return shared.BindingEnvelope(
        envelope_id=envelope.envelope_id,
        sequence=envelope.sequence,
        state=envelope.state,
        valid_from=envelope.valid_from,
        valid_until=envelope.valid_until,
    )
