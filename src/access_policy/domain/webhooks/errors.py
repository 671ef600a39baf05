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
    """The installation publishes to an external bus, which has its own rules and targets."""

    code = "webhooks-not-here"
