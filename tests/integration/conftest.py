"""What tests of several adapters need: Amazon's interfaces on this machine."""

from __future__ import annotations

from tests.support.aws_fixtures import aws_credentials, faulty_aws, moto
from tests.support.dynamodb import atomic_moto, dynamodb_endpoint, dynamodb_table, dynamodb_url

__all__ = [
    *("atomic_moto", "aws_credentials", "dynamodb_endpoint", "dynamodb_table", "dynamodb_url", "faulty_aws", "moto"),
]
