"""URLs of Amazon's services in settings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class AwsAddress:
    """`scheme://NAME?region=…&endpoint_url=…`. The region defaults to that of the machine's AWS configuration, the endpoint to
    Amazon's own. Credentials are those of the machine."""

    name: str
    options: dict[str, str]

    @classmethod
    def of(cls, url: str, scheme: str, *known: str) -> AwsAddress:
        """Raises `ValueError`."""
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
