"""Refusals of commands on webhooks."""

from __future__ import annotations

from access_policy.domain.errors import Conflict, Invalid, Unknown


class WebhookUnknown(Unknown):
    code = "not-found"


class WebhookInvalid(Invalid):
    code = "webhook-invalid"


class TooManyWebhooks(Conflict):
    code = "too-many-webhooks"


class DeliveryNotThere(Unknown):
    code = "not-found"


class DeliveryWaits(Conflict):
    code = "delivery-waits"


class WebhooksNotHere(Conflict):
    """The installation publishes to a bus outside, which has rules and targets of its own."""

    code = "webhooks-not-here"
