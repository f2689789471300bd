"""Ordered, gapless reading of the LOG from a cursor.

An ephemeral push consumer with heartbeats and flow control; whatever breaks it (its server died, a heartbeat missed, a gap
in its own numbering) makes the session end, and the next one starts from the cursor again. The LOG denies delete and purge,
so its sequence itself has no holes: the first missing number is a gap, and a gap is never skipped.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from granslos.contract.errors import GapError, LogUnavailableError
from granslos.contract.subjects import LOG_STREAM
from granslos.runtime import limits
from granslos.stream.log import LoggedMessage

_NANO = 1_000_000_000


class LogReader:
    """Reads the LOG through one NATS connection."""

    def __init__(self, connection: Client, stream: str = LOG_STREAM) -> None:
        self._nc = connection
        self._stream = stream

    async def read(self, cursor: int) -> AsyncIterator[list[LoggedMessage]]:
        """Yield batches of the messages after ``cursor``, in order and without gaps, until the session breaks.

        Raises:
            LogUnavailableError: the session broke; start again from the last message yielded.
            GapError: the LOG skipped a number; do not go on from this server's copy.
        """
        arrived: asyncio.Queue[Msg] = asyncio.Queue()

        async def take(message: Msg) -> None:
            arrived.put_nowait(message)

        inbox = self._nc.new_inbox()
        try:
            subscription = await self._nc.subscribe(
                inbox, cb=take, pending_msgs_limit=-1, pending_bytes_limit=limits.READER_PENDING_BYTES_MAX
            )
        except NatsError as error:
            raise LogUnavailableError(type(error).__name__) from error
        try:
            consumer = await self._create(inbox, cursor + 1)
            delivered = 0
            async for batch in self._batches(arrived):
                messages: list[LoggedMessage] = []
                for message in batch:
                    made, delivered = _next(message, consumer, delivered, cursor)
                    if made is not None:
                        cursor = made.seq
                        messages.append(made)
                if messages:
                    yield messages
        finally:
            await _drop(subscription)

    async def _create(self, inbox: str, first: int) -> str:
        config = {
            "deliver_subject": inbox,
            "ack_policy": "none",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": first,
            "idle_heartbeat": int(limits.READER_HEARTBEAT_SECONDS * _NANO),
            "flow_control": True,
            "inactive_threshold": int(limits.READER_INACTIVE_SECONDS * _NANO),
            "mem_storage": True,
            "num_replicas": 1,
            "max_deliver": 1,
        }
        body = msgspec.json.encode({"stream_name": self._stream, "config": config})
        try:
            reply = await self._nc.request(
                f"$JS.API.CONSUMER.CREATE.{self._stream}", body, timeout=limits.LOG_API_TIMEOUT_SECONDS
            )
        except (NatsError, TimeoutError, OSError) as error:
            raise LogUnavailableError(f"no consumer: {type(error).__name__}") from error
        answer: dict[str, Any] = msgspec.json.decode(reply.data)
        if "error" in answer:
            raise LogUnavailableError(f"no consumer: {answer['error'].get('description', '')}")
        name: str = answer["name"]
        return name

    async def _batches(self, arrived: asyncio.Queue[Msg]) -> AsyncIterator[list[Msg]]:
        silence = limits.READER_HEARTBEAT_SECONDS * limits.READER_HEARTBEATS_MISSED_MAX
        while True:
            try:
                async with asyncio.timeout(silence):
                    batch = [await arrived.get()]
            except TimeoutError as error:
                raise LogUnavailableError("no heartbeat from the consumer") from error
            while len(batch) < limits.READER_BATCH_EVENTS_MAX:
                try:
                    batch.append(arrived.get_nowait())
                except asyncio.QueueEmpty:
                    break
            data = []
            for message in batch:
                if message.headers and "Status" in message.headers:
                    await self._control(message)
                else:
                    data.append(message)
            yield data

    async def _control(self, message: Msg) -> None:
        stalled = (message.headers or {}).get("Nats-Consumer-Stalled")
        for reply in (message.reply, stalled):
            if reply:
                await self._nc.publish(reply, b"")


def _next(message: Msg, consumer: str, delivered: int, cursor: int) -> tuple[LoggedMessage | None, int]:
    """Return a message as the LOG's next (None when it is an older session's), and how many its consumer has delivered."""
    name, stream_seq, consumer_seq = _place(message)
    if name != consumer:
        return None, delivered
    if consumer_seq != delivered + 1:
        raise LogUnavailableError("the consumer lost messages")
    if stream_seq != cursor + 1:
        raise GapError(f"the LOG goes from {cursor} to {stream_seq}")
    return LoggedMessage(stream_seq, message.subject, message.data), consumer_seq


def _place(message: Msg) -> tuple[str, int, int]:
    """Return consumer, stream sequence and consumer sequence from an ack subject.

    ``$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>[.<token>]``
    """
    parts = message.reply.split(".")
    at = 2 if len(parts) == 9 else 4
    return parts[at + 1], int(parts[at + 3]), int(parts[at + 4])


async def _drop(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except NatsError:
        # The connection is gone, and the subscription with it.
        return
