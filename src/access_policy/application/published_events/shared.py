"""The data of public events, one class for each event and version: a contract with subscribers.

This module has the shared parts; `attempts`, `chargers`, `modes`, `registry`, `reservations` and `site_energy` have the
events. A field is never renamed, removed or given another meaning: that requires a new class with the next `VERSION`,
published beside the old one. A new field with a default needs no new version, and an enumeration may grow.

No event contains the value of an identifier, its masked form, a person's name or account, or free text about a vehicle.
Identifiers are keyed pseudonyms, equal for equal identifiers of a tenant; everything else is read over HTTP, where it
can be erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.domain.access_mode import CauseKind
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.site_energy.gate import EnvelopeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """`pseudonym` is a keyed hash: equal for equal identifiers of a tenant, and useless without the key."""

    kind: IdentifierKind
    pseudonym: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a mode applies; `id` and `name` are those of the rule, exception, reservation, override or envelope."""

    kind: CauseKind
    id: str | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingEnvelope:
    """The operating envelope whose limit binds, in `[valid_from, valid_until)`; for a fallback, the times are the
    fallback's."""

    envelope_id: str
    sequence: int
    state: EnvelopeState
    valid_from: datetime
    valid_until: datetime
