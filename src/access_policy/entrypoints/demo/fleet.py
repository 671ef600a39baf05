"""The demo depot: seven chargers, and vehicles of all three access classes."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulated_charger import (
    OCPP16,
    OCPP201,
    AfterRefusal,
    Behaviour,
    ChargerSpec,
    FreevendKey,
    FreevendVariable,
    Identifier,
    Vehicle,
)

TENANT = "demo"
DEPOT = "north-yard"
ZONE = "Europe/Berlin"
AGREEMENT = "city-couriers"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCharger:
    """A charger of the demo. `profile` is the capability profile with which it is registered."""

    charger_id: str
    charge_point_id: str
    profile: str
    protocol: str
    freevend: FreevendKey | FreevendVariable | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)

    def spec(self, url: str) -> ChargerSpec:
        return ChargerSpec(
            url=url,
            charge_point_id=self.charge_point_id,
            protocol=self.protocol,
            freevend=self.freevend,
            behaviour=self.behaviour,
            model=self.profile,
            time_compression=60.0,
            sample_every_s=10.0,
            reconnect_min_s=0.5,
            reconnect_max_s=5.0,
        )


KEYED = DemoCharger(
    charger_id="bay-1",
    charge_point_id="NY-0001",
    profile="microocpp-1.6",
    protocol=OCPP16,
    freevend=FreevendKey(),
)
SHOWS_ERRORS = DemoCharger(
    charger_id="bay-2",
    charge_point_id="NY-0002",
    profile="ocpp16-central",
    protocol=OCPP16,
    behaviour=Behaviour(after_refusal=AfterRefusal(error_code="OtherError", vendor_error_code="AuthFailed")),
)
VARIABLE = DemoCharger(
    charger_id="bay-3",
    charge_point_id="NY-0003",
    profile="ocpp201-authctrlr",
    protocol=OCPP201,
    freevend=FreevendVariable(),
)
CENTRAL = DemoCharger(charger_id="bay-4", charge_point_id="NY-0004", profile="ocpp201-central", protocol=OCPP201)
GOES_OFFLINE = DemoCharger(
    charger_id="bay-5",
    charge_point_id="NY-0005",
    profile="microocpp-1.6",
    protocol=OCPP16,
    freevend=FreevendKey(),
)
UNSWITCHABLE = DemoCharger(charger_id="bay-6", charge_point_id="NY-0006", profile="unsupported", protocol=OCPP16)
BREAKS_DOWN = DemoCharger(
    charger_id="bay-7",
    charge_point_id="NY-0007",
    profile="ocpp201-authctrlr",
    protocol=OCPP201,
    freevend=FreevendVariable(),
)
CHARGERS = (KEYED, SHOWS_ERRORS, VARIABLE, CENTRAL, GOES_OFFLINE, UNSWITCHABLE, BREAKS_DOWN)
SWITCHED = (KEYED, VARIABLE, GOES_OFFLINE, BREAKS_DOWN)


# The site's electrical tree: one connection to the grid, two feeders, and the chargers below them.
GRID = "grid"
FEEDER_A, FEEDER_B = "feeder-a", "feeder-b"
FEEDERS = {FEEDER_A: (KEYED, SHOWS_ERRORS, VARIABLE, CENTRAL), FEEDER_B: (GOES_OFFLINE, UNSWITCHABLE, BREAKS_DOWN)}
GRID_LIMIT_W = 800_000
FEEDER_LIMIT_W = 500_000
CHARGER_LIMIT_W = 60_000
SHORT_W = 40_000  # what a narrowed feeder may draw: unknown vehicles cannot start
ENERGY_POLICY = {
    "enabled": True,
    "enforcement": "enforce",
    "own_and_agreement_below_w": 60_000,
    "own_only_below_w": 20_000,
    "hysteresis_w": 0,
    "minimum_dwell_s": 0,
    "measurement_max_age_s": 60,
    "hold_max_s": 60,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoVehicle:
    """A vehicle of the demo. `presents` is its driver's card or PIN; a vehicle with Autocharge needs neither."""

    vehicle_id: str
    name: str
    access_class: str | None  # None: the vehicle is not registered
    presents: Identifier | None = None
    mac: str | None = None

    @property
    def on_the_cable(self) -> Vehicle:
        return Vehicle(mac=self.mac, power_w=60_000.0)

    def identifiers(self) -> list[dict[str, str]]:
        known = [] if self.presents is None else [{"kind": self.presents.kind.value, "value": self.presents.value}]
        return known + ([] if self.mac is None else [{"kind": "mac", "value": f"VID:{self.mac}"}])


OWN_CARD = DemoVehicle(
    vehicle_id="bus-101", name="Bus 101", access_class="own", presents=Identifier.rfid("04A1B2C3D4E501")
)
OWN_AUTOCHARGE = DemoVehicle(vehicle_id="bus-102", name="Bus 102", access_class="own", mac="92D50A693F80")
OWN_PIN = DemoVehicle(vehicle_id="bus-103", name="Bus 103", access_class="own", presents=Identifier.pin("482915"))
GUEST_CARD = DemoVehicle(
    vehicle_id="van-201", name="Courier van 201", access_class="agreement", presents=Identifier.rfid("04F0E1D2C3B4A5")
)
GUEST_AUTOCHARGE = DemoVehicle(
    vehicle_id="van-202", name="Courier van 202", access_class="agreement", mac="0A1B2C3D4E5F"
)
STRANGER_CARD = DemoVehicle(
    vehicle_id="stranger", name="A stranger", access_class=None, presents=Identifier.rfid("04DEADBEEF0001")
)
STRANGER_AUTOCHARGE = DemoVehicle(vehicle_id="stranger", name="A stranger", access_class=None, mac="FEEDFACE0002")
VEHICLES = (
    OWN_CARD,
    OWN_AUTOCHARGE,
    OWN_PIN,
    GUEST_CARD,
    GUEST_AUTOCHARGE,
    STRANGER_CARD,
    STRANGER_AUTOCHARGE,
)
