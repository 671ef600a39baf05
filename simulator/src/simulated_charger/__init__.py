"""Simulated chargers: honest, independent models of charging stations for the demo, the tests and load generators.

Nothing here imports the rest of access_policy: what these chargers say about the server is a second opinion.
"""

from simulated_charger.behaviour import EVERYTHING, AfterRefusal, Behaviour
from simulated_charger.charger import SimulatedCharger
from simulated_charger.connector import Connector, Status, StopReason, Transaction
from simulated_charger.link import CallRefused, LinkLost, NoAnswer
from simulated_charger.observed import DecidedBy, Frame, Outcome, Verdict
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
    "Behaviour",
    "CallRefused",
    "ChargerSpec",
    "Connector",
    "DecidedBy",
    "Frame",
    "FreevendKey",
    "FreevendVariable",
    "Identifier",
    "IdentifierKind",
    "LinkLost",
    "NoAnswer",
    "Outcome",
    "SimulatedCharger",
    "Status",
    "StopReason",
    "Transaction",
    "Vehicle",
    "Verdict",
]
