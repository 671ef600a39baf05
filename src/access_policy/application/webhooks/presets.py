"""Rule patterns for the most common needs, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from access_policy.application.published_events.detail import SOURCE
from access_policy.domain.access_mode import AccessMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """`meaning` says which events the pattern selects, and which it cannot select."""

    name: str
    title: str
    meaning: str
    pattern: Mapping[str, Any]

    @property
    def pattern_text(self) -> str:
        return json.dumps(self.pattern)


def _events(*names: str) -> dict[str, Any]:
    return {"source": [SOURCE], "detail-type": list(names)}


_MANAGED, _OPEN = AccessMode.MANAGED.value, AccessMode.FREEVEND.value
_ALL: Final = (
    Preset(
        name="open_but_should_be_managed",
        title="Should be managed, is open",
        meaning="A charger was seen open although managed access had been applied (ModeDriftDetected), or a switch to managed"
        " access failed and is retried (ModeApplicationFailed).",
        pattern={
            "source": [SOURCE],
            "$or": [
                {
                    "detail-type": ["ModeDriftDetected"],
                    "detail": {"data": {"expected": [_MANAGED], "found": [_OPEN]}},
                },
                {"detail-type": ["ModeApplicationFailed"], "detail": {"data": {"mode": [_MANAGED]}}},
            ],
        },
    ),
    Preset(
        name="unreachable_at_transition",
        title="Charger unreachable at a transition",
        meaning="A charger was not connected a minute after it should have changed its mode (ChargerUnreachableAtTransition).",
        pattern=_events("ChargerUnreachableAtTransition"),
    ),
    Preset(
        name="agreement_ends_soon",
        title="Agreement ends soon",
        meaning="An agreement ends within 14 days (AgreementEndsSoon).",
        pattern=_events("AgreementEndsSoon"),
    ),
    Preset(
        name="depot_digest",
        title="Daily digest of a depot",
        meaning="Once a day, at the `digest_at` of each depot that has one: attempts, denials, energy, late and missed"
        " transitions of the last 24 hours (DepotDigestMade).",
        pattern=_events("DepotDigestMade"),
    ),
    Preset(
        name="denied_vehicle",
        title="Denied vehicle",
        meaning="An attempt to charge was denied (AccessDenied).",
        pattern=_events("AccessDenied"),
    ),
    Preset(
        name="denied_entry",
        title="Denied at an entrance",
        meaning="An attempt to enter at an entrance of a depot was denied (EntranceDenied).",
        pattern=_events("EntranceDenied"),
    ),
)
PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in _ALL}
