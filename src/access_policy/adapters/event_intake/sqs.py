"""Receive events from an Amazon SQS queue behind an EventBridge rule."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.aws.clients import AWS_TROUBLE, AwsClient
from access_policy.adapters.event_intake.messages import BadEvent, read
from access_policy.application.backoff import Backoff, exponential_s
from access_policy.application.errors import TooBusy
from access_policy.application.ports.event_intake import EventIntake, IntakeStatus
from access_policy.application.ports.event_store import StoreUnavailable

log = logging.getLogger(__name__)

BATCH: Final = 10  # messages, the maximum of SQS for one call
WAIT_S: Final = 20  # for a long poll, the maximum of SQS
VISIBILITY_S: Final = 30
PROCESSING_S: Final = 60.0  # per message
RETRY_FIRST_S: Final = 2
RETRY_LONGEST_S: Final = 900
RECEIVES_MAX: Final = 8  # of a message that cannot be applied yet: about ten minutes
REASON_LENGTH_MAX: Final = 1_000
RESTART_FIRST_S: Final = 0.2  # the first pause after a failed read; it doubles up to
RESTART_LONGEST_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Done:
    """The message can be deleted."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The message goes to the dead-letter queue."""

    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The message stays in the queue and becomes visible again."""

    reason: str


Ending = Done | Dead | Retry
Message = dict[str, Any]


class SqsIntake:
    """`address` is `sqs://QUEUE?region=…&endpoint_url=…&dead_letters=QUEUE`. The dead-letter queue is `QUEUE-dead-letters`
    unless the URL names one; if it does not exist, an invalid message stays in its own queue and is logged at each delivery.
    """

    def __init__(
        self, address: AwsAddress, intake: EventIntake, *, wait_s: int = WAIT_S, visibility_s: int = VISIBILITY_S
    ) -> None:
        options = dict(address.options)
        self._name = address.name
        self._dead_letters = options.pop("dead_letters", f"{address.name}-dead-letters")
        self._client = AwsClient("sqs", AwsAddress(address.name, options), read_timeout_s=wait_s + 10.0)
        self._intake = intake
        self._wait_s = wait_s
        self._visibility_s = visibility_s
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._queue_urls: dict[str, str] = {}

    async def run(self) -> None:
        """Receive until `drain` or until cancelled. After a cancellation, SQS delivers the messages in process again."""
        backoff = Backoff(RESTART_FIRST_S, RESTART_LONGEST_S)
        try:
            while not self._stopping.is_set():
                try:
                    await self._receive_batch()
                    backoff.reset()
                except Exception as trouble:  # noqa: BLE001  the messages stay in the queue
                    if backoff.failures == 0:
                        log.error("queue %s cannot be read: %r", self._name, trouble)
                    await self._unless_stopping(asyncio.sleep(backoff.next_s()))
        finally:
            self._stopped.set()

    async def drain(self) -> None:
        """Stop receiving, and wait until the messages in process are finished."""
        self._stopping.set()
        await self._stopped.wait()

    async def close(self) -> None:
        await self._client.close()

    async def _receive_batch(self) -> None:
        client, queue_url = await self._client.get(), await self._queue_url(self._name)
        answer = await self._unless_stopping(
            client.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=self._wait_s,
                VisibilityTimeout=self._visibility_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        )
        messages = (answer or {}).get("Messages", [])
        if not messages:
            return
        kept = list(messages)
        keeping = asyncio.create_task(self._keep_invisible(kept))
        try:
            endings = await asyncio.gather(*(self._ended(message, kept) for message in messages))
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        await self._delete(
            [message for message, ending in zip(messages, endings, strict=True) if isinstance(ending, Done)]
        )

    async def _ended(self, message: Message, kept: list[Message]) -> Ending:
        """Process the message. Move a dead message to the dead-letter queue, and remove a message to retry from `kept`."""
        ending = await self._processed(message)
        if isinstance(ending, Dead):
            ending = Done() if await self._buried(message, ending) else Retry(ending.reason)
        if isinstance(ending, Retry):
            log.info("message %s is delivered again: %s", message["MessageId"], ending.reason)
            kept.remove(message)
            await self._delay(message)
        return ending

    async def _processed(self, message: Message) -> Ending:
        try:
            event = read(message["Body"])
        except BadEvent as bad:
            return Dead(IntakeStatus.REFUSED, str(bad))
        try:
            async with asyncio.timeout(PROCESSING_S):
                result = await self._intake.receive(event)
        except (StoreUnavailable, TooBusy, TimeoutError) as trouble:
            return Retry(repr(trouble))  # never dead: the message is not at fault
        except Exception as error:
            log.exception("event %s of %s could not be processed", event.event_id, event.source)
            return self._retry_or_dead(message, "failed", repr(error))
        match result.status:
            case IntakeStatus.REFUSED:
                return Dead(result.status, f"{result.code}: {result.reason}")
            case IntakeStatus.NOT_YET:
                return self._retry_or_dead(message, result.status, f"{result.code}: {result.reason}")
            case _:
                return Done()

    def _retry_or_dead(self, message: Message, status: str, reason: str) -> Ending:
        return Retry(reason) if _receives(message) < RECEIVES_MAX else Dead(status, reason)

    async def _buried(self, message: Message, dead: Dead) -> bool:
        """Move the message to the dead-letter queue; False if that failed."""
        attributes = {
            "reason": dead.reason,
            "fate": dead.status,
            "queue": self._name,
            "received": str(_receives(message)),
        }
        try:
            client, queue_url = await self._client.get(), await self._queue_url(self._dead_letters)
            await client.send_message(
                QueueUrl=queue_url,
                MessageBody=message["Body"],
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": _storable(value)} for name, value in attributes.items()
                },
            )
        except AWS_TROUBLE as trouble:
            log.error(
                "message %s is invalid (%s) and stays in the queue: %s", message["MessageId"], dead.reason, trouble
            )
            return False
        log.warning("message %s was moved to %s: %s", message["MessageId"], self._dead_letters, dead.reason)
        return True

    async def _delete(self, messages: Sequence[Message]) -> None:
        """Delete the messages. SQS delivers a message again, as a duplicate, if deleting it fails."""
        if not messages:
            return
        client, queue_url = await self._client.get(), await self._queue_url(self._name)
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
        ]
        answer = await client.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        for failed in answer.get("Failed", []):
            log.warning(
                "message %s is not deleted: %s", messages[int(failed["Id"])]["MessageId"], failed.get("Message")
            )

    async def _keep_invisible(self, kept: Sequence[Message]) -> None:
        """Extend the invisibility of the messages until cancelled."""
        while True:
            await asyncio.sleep(self._visibility_s / 3)
            try:
                await self._change_visibility(tuple(kept), self._visibility_s)
            except AWS_TROUBLE as trouble:
                log.warning("messages in process may be delivered again: %s", trouble)

    async def _delay(self, message: Message) -> None:
        after_s = int(exponential_s(_receives(message), first_s=RETRY_FIRST_S, longest_s=RETRY_LONGEST_S))
        try:
            await self._change_visibility([message], after_s)
        except AWS_TROUBLE as trouble:
            log.warning("message %s is delivered again sooner: %s", message["MessageId"], trouble)

    async def _change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        if not messages:
            return
        client, queue_url = await self._client.get(), await self._queue_url(self._name)
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": seconds}
            for number, message in enumerate(messages)
        ]
        await client.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)

    async def _queue_url(self, name: str) -> str:
        if name not in self._queue_urls:
            client = await self._client.get()
            self._queue_urls[name] = (await client.get_queue_url(QueueName=name))["QueueUrl"]
        return self._queue_urls[name]

    async def _unless_stopping(self, work: Any) -> Any:
        """Return the result of `work`, or None if the intake stopped and cancelled it."""
        working, stopping = asyncio.ensure_future(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return await working if working.done() else None
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)


def _receives(message: Message) -> int:
    return int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))


def _storable(text: str) -> str:
    """Make the text a valid SQS attribute, which must not be empty or contain control characters."""
    return "".join(character if character.isprintable() else " " for character in text)[:REASON_LENGTH_MAX] or "-"
