"""Every operation of the application on a connected OCPP 2.1 charger: the messages of 2.0.1, with longer texts.

The dataclasses of `ocpp.v201` serve both versions, because the messages that the service sends have the same fields in 2.1, and
loading `ocpp.v21` as well would make every start slower. Tests check each frame against the schemas of 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from access_policy.adapters.ocpp.driver_texts.catalogue import PERSONAL_MESSAGE_MAX_21
from access_policy.adapters.ocpp.outgoing.v201.commands import Ocpp201Commands


@dataclass(frozen=True, slots=True)
class Ocpp21Commands(Ocpp201Commands):
    text_max: ClassVar[int] = PERSONAL_MESSAGE_MAX_21
