"""OCPP 2.1: like 2.0.1 for access (2.1 Part 2, C and E), with more messages that only inform, and longer texts."""

from __future__ import annotations

from access_policy.adapters.ocpp.driver_texts.catalogue import PERSONAL_MESSAGE_MAX_21
from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.incoming.v201 import Ocpp201, acknowledge

# Messages of 2.1 that only inform; an empty answer acknowledges them (published schemas).
_ONLY_ACKNOWLEDGED_21 = (
    "BatterySwap",
    "ClosePeriodicEventStream",
    "NotifyDERAlarm",
    "NotifyDERStartStop",
    "NotifyPriorityCharging",
    "NotifySettlement",
    "ReportDERControl",
)


class Ocpp21(Ocpp201):
    def __init__(self, dependencies: HandlerDependencies) -> None:
        super().__init__(dependencies, message_max=PERSONAL_MESSAGE_MAX_21)
        self.handlers.update(dict.fromkeys(_ONLY_ACKNOWLEDGED_21, acknowledge))
