"""Factory settings: one table per model, shared by all its chargers."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from simulated_charger.settings import BOOLEAN, Factory, Setting
from simulated_charger.spec import (
    OCPP16,
    ChargerSpec,
    FreevendKey,
    FreevendVariable,
)

TX_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "DataSigned", "PowerPathClosed", "EnergyTransfer")


def factory_settings(spec: ChargerSpec) -> Factory:
    return _factory(
        spec.protocol,
        spec.freevend,
        spec.connectors,
        spec.local_list_capacity,
        spec.local_list_per_message,
        spec.has_cache,
        spec.has_display,
        spec.reserves,
        tuple(sorted(spec.settings.items())),
    )


@lru_cache(maxsize=256)
def _factory(
    protocol: str,
    freevend: FreevendKey | FreevendVariable | None,
    connectors: int,
    list_capacity: int,
    list_per_message: int,
    has_cache: bool,
    has_display: bool,
    reserves: bool,
    overrides: tuple[tuple[str, str], ...],
) -> Factory:
    if protocol == OCPP16:
        settings = _v16(connectors, reserves=reserves)
        settings += _list16(list_capacity, list_per_message) if list_capacity else []
        settings += [_flag("AuthorizationCacheEnabled", True)] if has_cache else []
    else:
        settings = _v2x()
        settings += _list2x(list_capacity, list_per_message) if list_capacity else []
        settings += [_flag("AuthCacheCtrlr.Enabled", True), _number("AuthCacheCtrlr.LifeTime", 0)] if has_cache else []
        settings += [_flag("DisplayMessageCtrlr.Enabled", True)] if has_display else []
        settings += (
            [_flag("ReservationCtrlr.Available", True), _flag("ReservationCtrlr.Enabled", True)] if reserves else []
        )
    settings += _freevend(freevend)
    table = {setting.name.lower(): setting for setting in settings}
    for name, value in overrides:
        known = table.get(name.lower())
        table[name.lower()] = replace(known, value=value) if known is not None else Setting(name=name, value=value)
    return table


def _v16(connectors: int, *, reserves: bool) -> list[Setting]:
    return [
        _flag("AllowOfflineTxForUnknownId", False),
        _flag("AuthorizeRemoteTxRequests", True),
        _number("ConnectionTimeOut", 60),
        _number("GetConfigurationMaxKeys", 50, readonly=True),
        _number("HeartbeatInterval", 300),
        _flag("LocalAuthorizeOffline", True),
        _flag("LocalPreAuthorize", False),
        Setting(name="MeterValuesSampledData", value="Energy.Active.Import.Register"),
        _number("NumberOfConnectors", connectors, readonly=True),
        _flag("StopTransactionOnEVSideDisconnect", True),
        _flag("StopTransactionOnInvalidId", True),
        Setting(
            name="SupportedFeatureProfiles",
            value="Core,LocalAuthListManagement,RemoteTrigger" + (",Reservation" if reserves else ""),
            readonly=True,
        ),
        _number("TransactionMessageAttempts", 3),
        _number("TransactionMessageRetryInterval", 60),
        _flag("UnlockConnectorOnEVSideDisconnect", True),
        _number("WebSocketPingInterval", 0),
        Setting(name="AuthorizationKey", value="", writeonly=True, max_length=40),
    ]


def _list16(capacity: int, per_message: int) -> list[Setting]:
    return [
        _flag("LocalAuthListEnabled", True),
        _number("LocalAuthListMaxLength", capacity, readonly=True),
        _number("SendLocalListMaxLength", per_message, readonly=True),
    ]


def _v2x() -> list[Setting]:
    return [
        _flag("AuthCtrlr.AuthorizeRemoteStart", True),
        _flag("AuthCtrlr.LocalAuthorizeOffline", True),
        _flag("AuthCtrlr.LocalPreAuthorize", False),
        _flag("AuthCtrlr.OfflineTxForUnknownIdEnabled", False),
        _flag("AuthCtrlr.DisableRemoteAuthorization", False),
        _flag("TxCtrlr.StopTxOnInvalidId", True),
        _flag("TxCtrlr.StopTxOnEVSideDisconnect", True),
        _number("TxCtrlr.EVConnectionTimeOut", 60),
        Setting(name="TxCtrlr.TxStartPoint", value="PowerPathClosed", options=TX_POINTS, members=True),
        Setting(name="TxCtrlr.TxStopPoint", value="EVConnected,Authorized", options=TX_POINTS, members=True),
        _number("OCPPCommCtrlr.HeartbeatInterval", 300),
        _number("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 3),
        _number("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]", 60),
        _number("DeviceDataCtrlr.ItemsPerMessage[GetVariables]", 20, readonly=True),
        _number("DeviceDataCtrlr.ItemsPerMessage[SetVariables]", 20, readonly=True),
        Setting(name="SecurityCtrlr.BasicAuthPassword", value="", writeonly=True, max_length=40),
    ]


def _list2x(capacity: int, per_message: int) -> list[Setting]:
    return [
        _flag("LocalAuthListCtrlr.Enabled", True),
        Setting(name="LocalAuthListCtrlr.Entries", value="0", readonly=True, integer=True, limit=capacity),
        _number("LocalAuthListCtrlr.ItemsPerMessage", per_message, readonly=True),
        _number("LocalAuthListCtrlr.BytesPerMessage", 1_000_000, readonly=True),
    ]


def _freevend(freevend: FreevendKey | FreevendVariable | None) -> list[Setting]:
    if freevend is None:
        return []
    switch = Setting(
        name=freevend.key,
        value=freevend.off_value,
        options=(freevend.on_value, freevend.off_value),
        readonly=freevend.readonly,
        needs_reboot=freevend.needs_reboot,
    )
    if isinstance(freevend, FreevendVariable) or freevend.tag_key is None:
        return [switch]
    return [switch, Setting(name=freevend.tag_key, value="", max_length=20)]


def _flag(name: str, on: bool) -> Setting:
    return Setting(name=name, value="true" if on else "false", options=BOOLEAN)


def _number(name: str, value: int, *, readonly: bool = False) -> Setting:
    return Setting(name=name, value=str(value), integer=True, readonly=readonly)
