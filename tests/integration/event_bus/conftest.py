from __future__ import annotations

from tests.support.aws_fixtures import aws_credentials, faulty_aws, moto

__all__ = ["aws_credentials", "faulty_aws", "moto"]
