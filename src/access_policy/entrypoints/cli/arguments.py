"""Arguments that several commands share. Ids of the service's lists may be shortened (`prefixes`)."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.entrypoints.cli.completion import agreements, ocpi_partners, vehicles, webhooks

Attempt = Annotated[str, typer.Argument(metavar="ATTEMPT", help="Attempt id, or its beginning")]
Denied = Annotated[str, typer.Argument(metavar="DENIED", help="Id in the list of denied identifiers")]
Vehicle = Annotated[
    str, typer.Argument(metavar="VEHICLE", autocompletion=vehicles, help="Vehicle id, or its beginning")
]
NewVehicle = Annotated[str, typer.Argument(metavar="VEHICLE", autocompletion=vehicles, help="Whole vehicle id")]
Agreement = Annotated[
    str, typer.Argument(metavar="AGREEMENT", autocompletion=agreements, help="Agreement id, or its beginning")
]
NewAgreement = Annotated[str, typer.Argument(metavar="AGREEMENT", autocompletion=agreements, help="Whole agreement id")]
Webhook = Annotated[
    str, typer.Argument(metavar="WEBHOOK", autocompletion=webhooks, help="Webhook id, or its beginning")
]
OcpiPartner = Annotated[
    str,
    typer.Argument(metavar="PARTNER", autocompletion=ocpi_partners, help="Country code and party id, such as DE-HUB"),
]
Reservation = Annotated[
    str,
    typer.Argument(
        metavar="RESERVATION", help="Reservation id, or its beginning; see: access-policy reservations list"
    ),
]
NewCharger = Annotated[str, typer.Argument(metavar="CHARGER", help="Whole charger id")]
NewDepot = Annotated[str, typer.Argument(metavar="DEPOT", help="Whole depot id")]
Mode = Annotated[str, typer.Argument(metavar="MODE", help="freevend or managed")]
Rule = Annotated[str, typer.Argument(metavar="RULE", help="Rule id; see: access-policy rules list CHARGER")]
ModeException = Annotated[
    str, typer.Argument(metavar="EXCEPTION", help="Exception id; see: access-policy exceptions list CHARGER")
]
Override = Annotated[str, typer.Argument(metavar="OVERRIDE", help="Override id; see: access-policy depots overrides")]
Calendar = Annotated[str, typer.Argument(metavar="CALENDAR", help="Calendar id")]
ProfileName = Annotated[str, typer.Argument(metavar="PROFILE", help="Profile name; see: access-policy profiles")]
Context = Annotated[str, typer.Argument(metavar="CONTEXT", help="Context name; see: access-policy context list")]
ApiKey = Annotated[str, typer.Argument(metavar="KEY", help="API key id; see: access-policy api-keys list")]
Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="Tenant id")]
