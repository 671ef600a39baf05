"""Defects of chargers, each seen in the field. By default a charger has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

EVERYTHING = frozenset({"*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterRefusal:
    """The error status that a model reports after a refused authorisation, although nothing is broken.

    If `faulted` is False, the charger sends the codes with the connector's normal status. If `clears_after_s` is None, the
    error lasts until the cable is unplugged (without a cable it clears at once). An OCPP 2.0.1 status has no codes, only
    `Faulted`.
    """

    error_code: str = "OtherError"
    vendor_error_code: str | None = "AuthFailed"
    faulted: bool = True
    clears_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Deviations from the specification. `never_answers` lists actions, and `ignores_writes_to` lists setting names; each may
    also be EVERYTHING.
    """

    forgets_settings_at_boot: bool = False
    ignores_refusal: bool = False  # keeps delivering power after a refusal
    skips_authorize: bool = False  # starts without Authorize; StartTransaction or TransactionEvent is the check
    after_refusal: AfterRefusal | None = None
    never_answers: frozenset[str] = frozenset()
    answer_delay_s: float = 0.0
    ignores_writes_to: frozenset[str] = frozenset()  # accepts the write, keeps the old value
    reuses_message_ids: bool = False
    lower_case_tags: bool = False
    tag_suffix: str = ""  # appended to every tag; a long one exceeds the 20 characters of OCPP 1.6
    extra_fields: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    clock_ahead_s: float = 0.0
    forgets_queue_at_power_loss: bool = False
    forgets_reservations_at_boot: bool = False
    admits_others_when_reserved: bool = False

    def is_silent_on(self, action: str) -> bool:
        return "*" in self.never_answers or action in self.never_answers

    def ignores_write_to(self, setting: str) -> bool:
        return "*" in self.ignores_writes_to or setting in self.ignores_writes_to
