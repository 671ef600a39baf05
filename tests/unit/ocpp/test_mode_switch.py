"""A switch is looked for only in the protocol that has it: chargers that offer several may come in another one."""

from __future__ import annotations

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, ConnectionLimits
from access_policy.application.ports.charger_gateway import Switch, SwitchRefused
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, DeviceVariable
from tests.support.ocpp_pipe import Pipe
from tests.support.reading_back import commands_of

KEY = ConfigurationKey(key="FreeCharging", managed_value="false", freevend_value="true")
VARIABLE = DeviceVariable(component="AuthCtrlr", variable="Enabled", managed_value="true", freevend_value="false")


@pytest.mark.parametrize(("version", "switch"), [(OcppVersion.V201, KEY), (OcppVersion.V16, VARIABLE)])
async def test_a_switch_of_another_version_is_refused_without_a_word_to_the_charger(
    version: OcppVersion, switch: Switch
):
    pipe = Pipe()
    connection = ChargerConnection(
        pipe,  # type: ignore[arg-type]
        charge_point_id="CP1",
        version=version,
        epoch=1,
        remote="127.0.0.1",
        limits=ConnectionLimits(),
    )

    with pytest.raises(SwitchRefused, match=version.subprotocol) as read:
        await commands_of(connection).read_switch(switch)
    with pytest.raises(SwitchRefused, match=version.subprotocol) as written:
        await commands_of(connection).write_switch(switch, AccessMode.MANAGED, lambda: True)

    assert read.value.reason == written.value.reason == "not_supported"
    assert pipe.heard == []
