"""Create, replace or remove one of the tenant's own capability profiles."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context, enveloped
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import ProfileNames
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.streams import profile_stream
from access_policy.domain.capability_profiles.profile import (
    CapabilityProfileEvent,
    OperatorsProfile,
    ProfileInUse,
    ProfileNameTaken,
    fold,
)
from access_policy.domain.plurals import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class PutProfile:
    """`definition` is JSON that is valid against the schema of profiles."""

    name: str
    definition: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveProfile:
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class OperatorsProfiles:
    store: EventStore
    clock: Clock

    async def get(self, context: Context, name: str) -> OperatorsProfile:
        return fold(name, (each.event for each in await self.store.load(profile_stream(context.tenant_id, name))))

    async def record(
        self, context: Context, profile: OperatorsProfile, events: tuple[CapabilityProfileEvent, ...]
    ) -> Done:
        """Append the events of the profile. Raises `VersionConflict` or `StoreUnavailable`."""
        if not events:
            return Done(version=profile.version, position=0)
        stream = profile_stream(context.tenant_id, profile.name)
        append = Append(stream, profile.version, enveloped(context, events, now=self.clock.now()))
        position = await self.store.append([append])
        return Done(version=profile.version + len(events), position=position, created=profile.definition is None)


@dataclass(frozen=True, slots=True)
class PutProfileHandler:
    """Creates or replaces the profile; the mode controller then re-examines the chargers that have it. Raises
    `ProfileNameTaken`, `ProfileNameInvalid`, `VersionMismatch`."""

    profiles: OperatorsProfiles
    names: ProfileNames

    async def __call__(self, context: Context, command: PutProfile) -> Done:
        if self.names.always_exists(command.name):
            raise ProfileNameTaken(f"{command.name} always exists and cannot be changed; choose another name.")
        profile = await self.profiles.get(context, command.name)
        check_version(command.expected_version, 0 if profile.definition is None else profile.version)
        return await self.profiles.record(context, profile, profile.put(command.definition))


@dataclass(frozen=True, slots=True)
class RemoveProfileHandler:
    """Removes the profile. Raises `ProfileUnknown`, `ProfileNameTaken`, `ProfileInUse`, `VersionMismatch`."""

    profiles: OperatorsProfiles
    names: ProfileNames
    view: DecisionView

    async def __call__(self, context: Context, command: RemoveProfile) -> Done:
        if self.names.always_exists(command.name):
            raise ProfileNameTaken(f"{command.name} always exists and cannot be removed.")
        profile = await self.profiles.get(context, command.name)
        removed = profile.remove()
        check_version(command.expected_version, profile.version)
        users = [
            each.policy.charger_id
            for each in self.view.chargers_of(context.tenant_id)
            if each.policy.settings.profile == command.name and each.policy.retired_at is None
        ]
        if users:
            raise ProfileInUse(
                f"{counted(len(users), 'charger has', 'chargers have')} this profile, {users[0]} among them; "
                "assign another profile first."
            )
        return await self.profiles.record(context, profile, removed)
