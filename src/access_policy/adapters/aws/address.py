"""URLs of AWS resources in settings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class AwsAddress:
    """An AWS resource as `scheme://NAME?region=…&endpoint_url=…`. The region defaults to the one in the machine's AWS
    configuration, and the endpoint to Amazon's. Credentials are the machine's.
    """

    name: str
    options: dict[str, str]

    @classmethod
    def of(cls, url: str, scheme: str, *known: str) -> AwsAddress:
        """Parse `url`; `known` names further options that it may have. Raises `ValueError`."""
        parts = urlsplit(url)
        name = unquote(parts.netloc + parts.path)
        if parts.scheme != scheme or not name:
            raise ValueError(f"{url!r} is not {scheme}://NAME?region=…")
        options = {key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        if unknown := options.keys() - {"region", "endpoint_url", *known}:
            raise ValueError(
                f"{scheme}:// takes region, endpoint_url{''.join(f', {each}' for each in known)}; "
                f"not {', '.join(sorted(unknown))}"
            )
        return cls(name, options)
