"""What a charger may do that it should not. Everything off is an honest charger; each option is a defect seen in the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

EVERYTHING = frozenset({"*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterRefusal:
    """The error status that a model shows after a refused authorisation, though nothing is broken.

    `faulted` False sends the codes with the connector's normal status. `clears_after_s` None: until the cable is pulled
    (or, with no cable in, at once after reporting). OCPP 2.0.1 has no codes in a status: only `Faulted` is seen there.
    """

    error_code: str = "OtherError"
    vendor_error_code: str | None = "AuthFailed"
    faulted: bool = True
    clears_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Deviations from the specification. `never_answers` and `lies_about` hold actions and setting names, or EVERYTHING."""

    forgets_settings_at_boot: bool = False
    ignores_refusal: bool = False  # keeps delivering power whatever the central system says
    skips_authorize: bool = False  # starts first, leaves the check to StartTransaction / TransactionEvent
    after_refusal: AfterRefusal | None = None
    never_answers: frozenset[str] = frozenset()
    answer_delay_s: float = 0.0
    lies_about: frozenset[str] = frozenset()  # accepts the write, keeps the old value
    reuses_message_ids: bool = False
    lower_case_tags: bool = False
    tag_suffix: str = ""  # appended to every tag; long enough, it breaks the 20 characters of OCPP 1.6
    extra_fields: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    clock_ahead_s: float = 0.0
    forgets_queue_at_power_loss: bool = False

    def is_silent_on(self, action: str) -> bool:
        return "*" in self.never_answers or action in self.never_answers

    def lies_on(self, setting: str) -> bool:
        return "*" in self.lies_about or setting in self.lies_about
