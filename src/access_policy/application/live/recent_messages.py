"""The latest message about each subject of a tenant, ascending by position: the messages that reconnecting clients have
missed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from access_policy.application.live.messages import Audience, Message
from access_policy.application.live.subjects import Subject

KEPT_MAX: Final = 4_000  # messages for each tenant


class RecentMessages:
    """Holds the latest messages after `floor`. A newer message about a subject replaces the older one."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self._by_subject: dict[Subject, Message] = {}  # in the order of the positions

    def add(self, messages: Iterable[Message]) -> None:
        """Add `messages`, which ascend and come after all that were added before."""
        for message in messages:
            self._by_subject.pop(message.subject, None)
            self._by_subject[message.subject] = message
        self._forget_oldest()

    def extend_back(self, floor: int, messages: Iterable[Message]) -> None:
        """Add earlier `messages`, which ascend, in `(floor, self.floor]`. Those about subjects with a newer message are
        dropped."""
        earlier = {each.subject: each for each in messages if each.subject not in self._by_subject}
        self._by_subject = earlier | self._by_subject
        self.floor = floor
        self._forget_oldest()

    def holds(self, subject: Subject) -> bool:
        return subject in self._by_subject

    def between(self, after: int, up_to: int, audience: Audience) -> list[Message]:
        """Return the messages in `(after, up_to]`, ascending."""
        return [each for each in self._by_subject.values() if after < each.position <= up_to and audience.admits(each)]

    def _forget_oldest(self) -> None:
        for subject in list(self._by_subject)[: max(0, len(self._by_subject) - KEPT_MAX)]:
            self.floor = self._by_subject.pop(subject).position
