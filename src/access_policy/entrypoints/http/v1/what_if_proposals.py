"""The request body of `POST /v1/what-if`: proposed rules, schedules, vehicles, agreements and settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from access_policy.application.commands.schedule_drafts import ScheduleDraft
from access_policy.application.what_if.proposal import Proposal, ProposedAgreement, ProposedRule, ProposedVehicle
from access_policy.application.what_if.replay import Question
from access_policy.application.what_if.schedules import ScheduleChange
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.depots.depot import SCHEDULES_MAX
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier, identifier
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, RuleId, ScheduleId, VehicleId
from access_policy.domain.mode_schedule.schedules import SCHEDULE_RULES_MAX
from access_policy.entrypoints.http.fields import Instant, RequestModel, Text
from access_policy.entrypoints.http.v1.agreements import AgreementBody
from access_policy.entrypoints.http.v1.mode_rules import RuleBody
from access_policy.entrypoints.http.v1.schedule_models import ScheduledRuleBody
from access_policy.entrypoints.http.v1.vehicle_models import VehicleBody

_CHANGES_MAX = 1_000

ChargerIds = Annotated[list[Text], Field(min_length=1, max_length=10_000)]


class RuleChange(RequestModel):
    """A proposed change of rules. `rule` without `rule_id` adds a rule; with `rule_id` it amends that rule; `rule_id`
    with `withdraw` withdraws it."""

    charger_ids: ChargerIds | Literal["all"] = "all"
    rule_id: Text | None = None
    rule: RuleBody | None = None
    withdraw: bool = False

    @model_validator(mode="after")
    def _one_meaning(self) -> RuleChange:
        if (self.rule is None) is not self.withdraw or (self.withdraw and self.rule_id is None):
            raise ValueError("give a rule, or a rule_id with withdraw")
        return self

    def proposed(self) -> ProposedRule:
        where = None if self.charger_ids == "all" else frozenset(ChargerId(each) for each in self.charger_ids)
        return ProposedRule(
            charger_ids=where,
            rule_id=None if self.rule_id is None else RuleId(self.rule_id),
            draft=None if self.rule is None else self.rule.draft(),
        )


class ScheduleContent(RequestModel):
    """The whole schedule, as for `PUT /v1/schedules/{schedule_id}`: a rule that is left out is removed."""

    name: Text
    rules: Annotated[list[ScheduledRuleBody], Field(min_length=1, max_length=SCHEDULE_RULES_MAX)]

    def draft(self) -> ScheduleDraft:
        return ScheduleDraft(name=self.name, rules=tuple(each.scheduled() for each in self.rules))


class ScheduleChangeBody(RequestModel):
    """A proposed change of a schedule. `schedule` with `schedule_id` amends that schedule for all chargers that follow
    it; with `depot_id` it is a new schedule of that depot. `charger_ids` would begin to follow it. With `withdraw`, all
    followers would leave it."""

    schedule_id: Text | None = None
    depot_id: Text | None = None
    schedule: ScheduleContent | None = None
    charger_ids: Annotated[list[Text], Field(max_length=10_000)] | Literal["all"] = Field(default=[])
    withdraw: bool = False

    @model_validator(mode="after")
    def _one_meaning(self) -> ScheduleChangeBody:
        if (self.schedule_id is None) is (self.depot_id is None):
            raise ValueError("give the schedule_id of a schedule, or the depot_id of a new one")
        if self.withdraw and (self.schedule_id is None or self.schedule is not None or self.charger_ids):
            raise ValueError("withdraw takes only a schedule_id; leave schedule and charger_ids out")
        if self.schedule_id is None and self.schedule is None:
            raise ValueError("is missing schedule; give the name and the rules of the new one")
        if not (self.withdraw or self.schedule or self.charger_ids):
            raise ValueError("changes nothing; give a schedule, charger_ids or withdraw")
        return self

    def proposed(self) -> ScheduleChange:
        everyone = self.charger_ids == "all"
        return ScheduleChange(
            schedule_id=None if self.schedule_id is None else ScheduleId(self.schedule_id),
            depot_id=None if self.depot_id is None else DepotId(self.depot_id),
            draft=None if self.schedule is None else self.schedule.draft(),
            charger_ids=None if everyone else frozenset(ChargerId(each) for each in self.charger_ids),
            withdrawn=self.withdraw,
        )


class VehicleChange(RequestModel):
    """A proposed change of a vehicle. `vehicle` registers or changes it as `PUT /v1/vehicles` does; `remove` removes
    it; `suspended` suspends or reinstates it."""

    vehicle_id: Text
    vehicle: VehicleBody | None = None
    remove: bool = False
    suspended: bool | None = None

    @model_validator(mode="after")
    def _some_meaning(self) -> VehicleChange:
        if self.remove and (self.vehicle is not None or self.suspended is not None):
            raise ValueError("remove excludes vehicle and suspended; leave them out")
        if not self.remove and self.vehicle is None and self.suspended is None:
            raise ValueError("give vehicle, remove or suspended")
        if self.vehicle is not None and self.vehicle.identifiers is None:
            raise ValueError("is missing identifiers; give those that the vehicle would have")
        return self

    def proposed(self, index: int) -> ProposedVehicle:
        vehicle = self.vehicle
        return ProposedVehicle(
            vehicle_id=VehicleId(self.vehicle_id),
            description=None if vehicle is None else vehicle.description(),
            identifiers=() if vehicle is None else tuple(_read(vehicle, index)),
            removed=self.remove,
            suspended=self.suspended,
        )


class AgreementChange(RequestModel):
    agreement_id: Text
    agreement: AgreementBody | None = None
    end: bool = False

    @model_validator(mode="after")
    def _one_meaning(self) -> AgreementChange:
        if (self.agreement is None) is not self.end:
            raise ValueError("give an agreement, or end")
        return self

    def proposed(self) -> ProposedAgreement:
        agreement_id = AgreementId(self.agreement_id)
        agreement = None if self.agreement is None else self.agreement.agreement(agreement_id)
        return ProposedAgreement(agreement_id=agreement_id, agreement=agreement)


class ChangesBody(RequestModel):
    rules: Annotated[list[RuleChange], Field(default_factory=list, max_length=_CHANGES_MAX)]
    schedules: Annotated[list[ScheduleChangeBody], Field(default_factory=list, max_length=SCHEDULES_MAX)]
    vehicles: Annotated[list[VehicleChange], Field(default_factory=list, max_length=_CHANGES_MAX)]
    agreements: Annotated[list[AgreementChange], Field(default_factory=list, max_length=_CHANGES_MAX)]
    enforcement: Enforcement | None = None
    baseline_mode: AccessMode | None = None


class WhatIfBody(RequestModel):
    from_: Annotated[Instant, Field(alias="from")]
    until: Instant
    charger_ids: ChargerIds | None = None
    changes: ChangesBody

    def question(self) -> Question:
        changes = self.changes
        return Question(
            since=self.from_,
            until=self.until,
            charger_ids=None if self.charger_ids is None else frozenset(ChargerId(each) for each in self.charger_ids),
            proposal=Proposal(
                rules=tuple(each.proposed() for each in changes.rules),
                vehicles=tuple(each.proposed(index) for index, each in enumerate(changes.vehicles)),
                agreements=tuple(each.proposed() for each in changes.agreements),
                enforcement=changes.enforcement,
                baseline_mode=changes.baseline_mode,
            ),
            schedules=tuple(each.proposed() for each in changes.schedules),
        )


def _read(vehicle: VehicleBody, index: int) -> list[Identifier]:
    values = []
    for position, (kind, text) in enumerate(vehicle.presented() or []):
        try:
            values.append(identifier(kind, text))
        except Refused as refusal:
            refusal.pointer = f"/changes/vehicles/{index}/vehicle/identifiers/{position}/value"
            raise
    return values
