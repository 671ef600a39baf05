"""A webhook: the URL, the rule pattern that selects events, and the secrets that sign them. Changes return a new value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from access_policy.domain.ids import TenantId, checked_name
from access_policy.domain.webhooks.errors import WebhookInvalid
from access_policy.domain.webhooks.signing import checked_secret

URL_LENGTH_MAX = 2_000
PATTERN_LENGTH_MAX = 4_096  # characters; EventBridge's limit is 4096 bytes by default
OLD_SECRET_LASTS = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSecret:
    """`value` starts with `whsec_`. A replaced secret also signs until `until` (exclusive). `command` is the command that
    made the secret, so that repeating the command does not make another one; None for a webhook's first secret.
    """

    value: str = field(repr=False)
    until: datetime | None = None
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`pattern` is an EventBridge rule pattern as a JSON string. `since`: the log position after which events are
    delivered. `disabled_because` says why the service itself disabled it; empty after an operator's change.
    """

    tenant_id: TenantId
    webhook_id: str
    name: str
    url: str = field(repr=False)  # may contain a secret of the receiver
    pattern: str
    preset: str | None = None
    secrets: tuple[SigningSecret, ...]
    enabled: bool = True
    disabled_because: str = ""
    since: int
    created_at: datetime
    version: int = 1

    @property
    def key(self) -> tuple[TenantId, str]:
        return self.tenant_id, self.webhook_id

    def signing_secrets(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign at `now`, the current one first."""
        return tuple(each.value for each in self.secrets if each.until is None or now < each.until)

    def changed(self, *, name: str, url: str, pattern: str, preset: str | None, enabled: bool) -> Webhook:
        """Return the webhook with these settings, or the same webhook if they are unchanged. Raises `WebhookInvalid` or
        `InvalidName`.
        """
        settings = {"name": checked_name(name), "url": checked_url(url), "pattern": pattern, "preset": preset}
        because = "" if enabled else self.disabled_because
        after = replace(self, **settings, enabled=enabled, disabled_because=because)  # type: ignore[arg-type]
        return self if after == self else replace(after, version=self.version + 1)

    def rotated(self, secret: str, *, command: str, now: datetime) -> Webhook:
        """Return the webhook with a new secret, which signs from now on; the current one also signs for another day.
        Raises `WebhookInvalid`.
        """
        if checked_secret(secret) in self.signing_secrets(now):
            raise WebhookInvalid("The webhook signs with this secret already; send another.", pointer="/secret")
        current = replace(self.secrets[0], until=now + OLD_SECRET_LASTS)
        secrets = (SigningSecret(value=secret, command=command), current)
        return replace(self, secrets=secrets, version=self.version + 1)

    def disabled(self, because: str) -> Webhook:
        return replace(self, enabled=False, disabled_because=because, version=self.version + 1)


def checked_url(url: str) -> str:
    """Return the URL if it is valid. Raises `WebhookInvalid`. Whether the host may be contacted is checked at each
    delivery, when it is resolved.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise WebhookInvalid(f"The URL cannot be read: {error}; correct it.", pointer="/url") from error
    if parts.scheme != "https" or not host:
        raise WebhookInvalid("Events are delivered by https only; write https://HOST/PATH.", pointer="/url")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise WebhookInvalid("The URL must not have a user name or a fragment; remove it.", pointer="/url")
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise WebhookInvalid(
            f"A URL has at most {URL_LENGTH_MAX} printable ASCII characters and no spaces; encode others.",
            pointer="/url",
        )
    return url
