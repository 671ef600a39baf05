"""Prints, for each story, how many calls of ports it makes, how many runs with a failure were tried, and what differed."""

from __future__ import annotations

import asyncio
import logging
import sys

from tests.support.nth_call import tried
from tests.unit.one_failure.test_one_failure import STORIES


async def main() -> None:
    calls = pairs = differences = 0
    for story in STORIES:
        report = await tried(story)
        calls, pairs = calls + len(report.calls), pairs + report.pairs
        differences += len(report.differences)
        sys.stdout.write(f"{report.pairs:4} of {len(report.calls):3} calls  {story}\n")
        sys.stdout.writelines(f"{difference}\n" for difference in report.differences)
    sys.stdout.write(f"{pairs:4} of {calls:3} calls in {len(STORIES)} stories, {differences} ended otherwise\n")


logging.disable(logging.CRITICAL)
asyncio.run(main())
