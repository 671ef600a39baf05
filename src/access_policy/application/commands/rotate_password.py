"""Give a charger a new password over its own connection. The old one stays valid until the charger has used the new
one.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.ports.charger_gateway import (
    ChargerDidNotAnswer,
    ConnectedChargers,
    PasswordCommands,
    SwitchRefused,
)
from access_policy.application.ports.secrets import ChargerCredentials
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.errors import Conflict
from access_policy.domain.ids import ChargerId, ChargerKey

PASSWORD_BYTES = 20  # the most that OCPP 1.6 accepts; written as 40 hex digits, which 2.x accepts as a string


def new_password() -> str:
    """Return a random password that chargers of every OCPP version accept."""
    return secrets.token_bytes(PASSWORD_BYTES).hex()


class PasswordNotTaken(Conflict):
    code = "password-not-taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatePassword:
    charger_id: ChargerId


@dataclass(frozen=True, slots=True)
class RotatePasswordHandler:
    policies: ChargerAccessPolicies
    credentials: ChargerCredentials
    chargers: ConnectedChargers[PasswordCommands]
    conditions: ChargerConditions

    async def __call__(self, context: Context, command: RotatePassword) -> Done:
        """Send the charger a new password. Raises `ChargerUnknown`, `ChargerRetired`, `PasswordNotTaken`,
        `StoreUnavailable`. A charger that did not answer may have accepted the new password: both are then valid, and a
        repeated command makes another one."""
        policy = await self.policies.get(context.tenant_id, command.charger_id)
        policy.must_be_in_service()
        key: ChargerKey = (context.tenant_id, command.charger_id)
        charge_point_id = policy.settings.charge_point_id
        if self.chargers.serving_epoch(key) is None:
            raise PasswordNotTaken(
                f"Charger {command.charger_id} is not connected, or has only just booted; rotate its password in a moment."
            )
        password = new_password()
        await self.credentials.propose(charge_point_id, key, password)
        try:
            await self.chargers.commands(key).set_password(password)
        except SwitchRefused as refusal:
            await self.credentials.withdraw(charge_point_id, key)
            raise PasswordNotTaken(f"Charger {command.charger_id} refused the password: {refusal.detail}.") from refusal
        except ChargerDidNotAnswer as silence:
            raise PasswordNotTaken(
                f"Charger {command.charger_id} did not answer ({silence}); both the old and the new password are valid."
            ) from silence
        await self.conditions.password_sent(key, actor=context.actor)
        return Done(version=policy.changed_at, position=0)
