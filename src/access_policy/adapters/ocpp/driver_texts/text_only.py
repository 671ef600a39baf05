"""The signal of a denial that no charger shows, as at an entrance: only the text in the driver's language."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.adapters.ocpp.driver_texts.catalogue import PERSONAL_MESSAGE_MAX, DriverTexts
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.events import DenialSignal

DENIED = "Denied"


@dataclass(frozen=True, slots=True)
class TextOnly:
    """Implements `DenialSignals`."""

    texts: DriverTexts

    def signal(self, denial: Denial) -> DenialSignal:
        message, language = self.texts.denial(denial, length_max=PERSONAL_MESSAGE_MAX)
        return DenialSignal(status=DENIED, message=message, language=language)
