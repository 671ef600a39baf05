"""Simulated charging stations for demos, tests and load generators.

The package shares no code with any central system, so its chargers test a server independently.
"""

from simulated_charger.behaviour import EVERYTHING, AfterRefusal, Behaviour
from simulated_charger.calls import CallRefused, ConnectionLost, NoAnswer
from simulated_charger.charger import SimulatedCharger
from simulated_charger.connector import Connector, Status, StopReason, Transaction
from simulated_charger.observed import AttemptResult, AuthorisationResult, DecidedBy, Frame
from simulated_charger.spec import (
    OCPP16,
    OCPP21,
    OCPP201,
    ChargerSpec,
    FreevendKey,
    FreevendVariable,
    Identifier,
    IdentifierKind,
    Vehicle,
)

__all__ = [
    "EVERYTHING",
    "OCPP16",
    "OCPP21",
    "OCPP201",
    "AfterRefusal",
    "AttemptResult",
    "AuthorisationResult",
    "Behaviour",
    "CallRefused",
    "ChargerSpec",
    "ConnectionLost",
    "Connector",
    "DecidedBy",
    "Frame",
    "FreevendKey",
    "FreevendVariable",
    "Identifier",
    "IdentifierKind",
    "NoAnswer",
    "SimulatedCharger",
    "Status",
    "StopReason",
    "Transaction",
    "Vehicle",
]
