"""Refusals of commands on OSCP providers and of their messages."""

from __future__ import annotations

from access_policy.domain.errors import Conflict, Invalid, Unknown


class OscpProviderUnknown(Unknown):
    code = "not-found"


class OscpProviderInvalid(Invalid):
    code = "oscp-provider-invalid"


class OscpNodeUnknown(OscpProviderInvalid):
    names_unknown = True


class TooManyOscpProviders(Conflict):
    code = "too-many-oscp-providers"


class OscpAlreadyRegistered(Conflict):
    code = "oscp-already-registered"


class OscpProviderNotReached(Conflict):
    """The provider's interface could not be used: no answer, or an error."""

    code = "oscp-provider-not-reached"


class OscpVersionUnsupported(Invalid):
    """The provider offers no version that this service supports; OSCP answers HTTP 501."""

    code = "oscp-version-unsupported"


class HandshakeMissing(Conflict):
    """The provider has not sent a handshake since it registered, or since it went offline."""

    code = "oscp-handshake-missing"


class GroupUnknown(Unknown):
    """The group is bound to no node."""

    code = "oscp-group-unknown"


class ForecastInvalid(Invalid):
    code = "oscp-forecast-invalid"
