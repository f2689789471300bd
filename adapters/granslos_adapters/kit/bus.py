"""The way from an adapter to the nodes: NATS request/reply over the site's edge.

Promise: ``command`` returns a node's answer or raises within its deadline, which is at most one second, whatever is
dead, hung or cut. A hung site costs no more than its share, because the next site is asked while it may still answer;
commands carry an id, so two sites taking the same one have one effect.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from granslos.contract import subjects
from granslos.contract.answers import Answer
from granslos.contract.commands import Command
from granslos.contract.person import encode_hook
from granslos.contract.places import Actor
from granslos_adapters.kit import metrics
from granslos_adapters.kit.errors import NoNodeAnsweredError

COMMAND_SECONDS_MAX = 1.0
"""No command waits longer, whatever its caller asks."""
OWN_SHARE = 0.5
"""Part of the deadline that the own node has before the next one is asked too; the others divide the rest."""
SUSPECT_SHARE_SECONDS = 0.05
"""Head start of a site that did not answer the last time."""
REPLY_MARGIN_SECONDS = 0.03
"""A node is told to answer so much before the next site would be asked."""
COPIES_MAX = 64
"""Copies to other sites under way at once; more are counted and left to the forwarder."""
COPY_SECONDS_MAX = 2.0
CONNECT_SECONDS = 1
_UNDECIDED = frozenset({503, 504})

Handler = Callable[[str, bytes], Awaitable[None]]
_log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder(enc_hook=encode_hook)
_answers = msgspec.json.Decoder(Answer)


def encode_payload(payload: Command | dict[str, Any]) -> bytes:
    """Return a command's JSON, personal data revealed."""
    return _encoder.encode(payload)


class NodeBus:
    """Connection of one adapter to the nodes of all sites.

    Use: ``run()`` in a task for the life of the process; ``command`` at any time, also while the bus is not reachable.
    """

    def __init__(self, adapter: str, sites: Sequence[str], urls: Sequence[str]) -> None:
        """Prepare for ``adapter`` at ``sites[0]``; ``sites`` are asked in this order.

        Args:
            adapter: name of the adapter, e.g. ``eido``.
            sites: codes of all sites, the own one first.
            urls: NATS URLs of the own edge first.
        """
        assert sites, "an adapter belongs to a site"
        self.adapter = adapter
        self.sites = tuple(sites)
        self.actor = Actor(subject=f"{adapter}@{sites[0]}", role="adapter")
        self._urls = list(urls)
        self._client: Client | None = None
        self._closed = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._copies: set[asyncio.Task[None]] = set()
        self._suspects: set[str] = set()
        self._subscriptions: list[tuple[str, str, Handler]] = []
        self._lost_logged = False

    @property
    def connected(self) -> bool:
        """Whether the site's bus is reachable now."""
        return self._client is not None and self._client.is_connected

    @property
    def max_payload_bytes(self) -> int:
        """Largest message the bus takes; NATS' default before the first contact."""
        return self._client.max_payload if self.connected and self._client else 1 << 20

    async def run(self) -> None:
        """Stay connected until cancelled; a client that closed itself is replaced."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    await self._connect_once()
                    await self._closed.wait()
                    metrics.CONNECTED.labels(self.adapter).set(0)
                    await asyncio.sleep(0.1)
        finally:
            self._tasks = None
            self._lost_logged = True  # closing is no loss
            client, self._client = self._client, None
            if client is not None and not client.is_closed:
                await client.close()

    async def drain(self, within_seconds: float) -> None:
        """Let copies to other sites finish, at most so long."""
        if self._copies:
            await asyncio.wait(set(self._copies), timeout=within_seconds)

    async def command(
        self,
        aggregate: str,
        name: str,
        command_id: str,
        payload: Command | dict[str, Any] | msgspec.Raw,
        *,
        deadline_seconds: float = 0.8,
    ) -> Answer:
        """Give a command to the first node that answers; the own one is asked first.

        A node's answer of any status but 503 and 504 is final. An answer durable at one site only is also sent to the
        next site, in the background.

        Raises:
            NoNodeAnsweredError: nobody answered in time; nothing is known, use the same ``command_id`` again.
        """
        client = self._client
        if client is None or not client.is_connected:
            raise NoNodeAnsweredError("the site's bus is not reachable")
        body = payload if isinstance(payload, msgspec.Raw) else msgspec.Raw(encode_payload(payload))
        request = _Request(client, (aggregate, name), command_id, self.actor, body)
        started = asyncio.get_running_loop().time()
        answer, site = await self._first_answer(request, min(deadline_seconds, COMMAND_SECONDS_MAX))
        metrics.ANSWER_SECONDS.labels(self.adapter).observe(asyncio.get_running_loop().time() - started)
        if answer.durability == "site":
            self._start_copy(request, site)
        return answer

    async def observe(self, kind: str, key: str, observation: msgspec.Struct) -> bool:
        """Publish an observation (newest wins, lossy by design); False when the bus is away."""
        if not self.connected or self._client is None:
            return False
        subject = subjects.observation_subject(self.sites[0], kind, key)
        await self._client.publish(subject, _encoder.encode(observation))
        return True

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> None:
        """Call ``handler(subject, data)`` for each message, over every reconnection."""
        self._subscriptions.append((subject, queue, handler))
        if self.connected and self._client is not None:
            await _subscribe(self._client, subject, queue, handler)

    # --- connection ---------------------------------------------------------------------------------------------

    async def _connect_once(self) -> None:
        client = Client()
        self._closed.clear()
        await client.connect(
            servers=self._urls,
            name=self.actor.subject,
            dont_randomize=True,
            connect_timeout=CONNECT_SECONDS,
            ping_interval=1,
            max_outstanding_pings=2,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # nats-py says int, and sleeps any number
            max_reconnect_attempts=-1,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnect,
            reconnected_cb=self._on_connect,
            closed_cb=self._on_close,
        )
        self._client = client
        for subject, queue, handler in self._subscriptions:
            await _subscribe(client, subject, queue, handler)
        await self._on_connect()

    async def _on_connect(self) -> None:
        metrics.CONNECTED.labels(self.adapter).set(1)
        if self._lost_logged:
            _log.info("bus is back", adapter=self.adapter)
        self._lost_logged = False

    async def _on_disconnect(self) -> None:
        metrics.CONNECTED.labels(self.adapter).set(0)
        self._log_lost("disconnected")

    async def _on_error(self, error: Exception) -> None:
        if not isinstance(error, nats.errors.Error | OSError):  # a bug in a subscription's handler
            _log.error("bus callback failed", adapter=self.adapter, reason=type(error).__name__)
        elif not self.connected:
            self._log_lost(type(error).__name__)

    async def _on_close(self) -> None:
        self._closed.set()

    def _log_lost(self, reason: str) -> None:
        if not self._lost_logged:
            _log.warning("bus is away; commands go to the spool", adapter=self.adapter, reason=reason)
        self._lost_logged = True

    # --- asking -------------------------------------------------------------------------------------------------

    async def _first_answer(self, request: "_Request", deadline_seconds: float) -> tuple[Answer, str]:
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_seconds
        waiting: deque[str] = deque(self.sites)
        asked: dict[asyncio.Task[Answer | None], str] = {}
        next_at = loop.time()
        try:
            while (waiting or asked) and loop.time() < end:
                if waiting and (not asked or loop.time() >= next_at):
                    self._suspects.update(asked.values())
                    share = self._share(waiting, deadline_seconds, end - loop.time())
                    next_at = loop.time() + share
                    site = waiting.popleft()
                    asked[asyncio.create_task(self._ask(request, site, share, end - loop.time()))] = site
                until = min(next_at, end) if waiting else end
                done, _ = await asyncio.wait(asked, timeout=max(0.0, until - loop.time()), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    site, answer = asked.pop(task), task.result()
                    if answer is not None:
                        return answer, site
                next_at = loop.time() if done else next_at
            self._suspects.update(asked.values())
        finally:
            for task in asked:
                task.cancel()
        raise NoNodeAnsweredError("no node took the command in time")

    def _share(self, waiting: Sequence[str], deadline_seconds: float, left_seconds: float) -> float:
        if len(waiting) == 1:
            return left_seconds
        if waiting[0] in self._suspects:
            return min(SUSPECT_SHARE_SECONDS, left_seconds)
        if len(waiting) == len(self.sites):
            return deadline_seconds * OWN_SHARE
        return left_seconds / len(waiting)

    async def _ask(self, request: "_Request", site: str, share_seconds: float, left_seconds: float) -> Answer | None:
        patience = max(share_seconds, SUSPECT_SHARE_SECONDS * 2)
        deadline_ms = max(10, int((min(patience, left_seconds) - REPLY_MARGIN_SECONDS) * 1000))
        outcome, answer = await request.send(site, deadline_ms, left_seconds)
        if outcome in ("answered", "undecided"):
            self._suspects.discard(site)
        metrics.COMMANDS.labels(self.adapter, site, outcome).inc()
        return answer

    # --- copies -------------------------------------------------------------------------------------------------

    def _start_copy(self, request: "_Request", taken_by: str) -> None:
        others = [site for site in self.sites if site != taken_by]
        if not others or self._tasks is None:
            return
        if len(self._copies) >= COPIES_MAX:
            metrics.COPIES.labels(self.adapter, "too_many").inc()
            return
        task = self._tasks.create_task(self._copy(request, others))
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    async def _copy(self, request: "_Request", others: Sequence[str]) -> None:
        for site in others:
            outcome, answer = await request.send(site, 800, COPY_SECONDS_MAX / len(others))
            if answer is not None:
                metrics.COPIES.labels(self.adapter, outcome).inc()
                return
        metrics.COPIES.labels(self.adapter, "unanswered").inc()


class _Request:
    """One command, ready to be sent to any site."""

    def __init__(self, client: Client, address: tuple[str, str], command_id: str, actor: Actor, body: msgspec.Raw) -> None:
        self._client = client
        self._aggregate, self._name = address
        self._command_id = command_id
        self._actor = actor
        self._body = body

    async def send(self, site: str, deadline_ms: int, wait_seconds: float) -> tuple[str, Answer | None]:
        """Ask one site; the answer is None unless the site decided."""
        message = _encoder.encode(
            {
                "command_id": self._command_id,
                "actor": self._actor,
                "payload": self._body,
                "deadline_ms": deadline_ms,
            }
        )
        subject = subjects.command_subject(site, self._aggregate, self._name)
        try:
            # The outer timeout also covers a socket that takes no more bytes.
            async with asyncio.timeout(wait_seconds):
                reply = await self._client.request(subject, message, timeout=wait_seconds)
        except nats.errors.NoRespondersError:
            return "no_responders", None
        except TimeoutError:
            return "timeout", None
        except (nats.errors.Error, OSError) as error:
            reason = type(error).__name__
            _log.warning("command could not be sent", site=site, command_id=self._command_id, reason=reason)
            return "unsent", None
        try:
            answer = _answers.decode(reply.data)
        except msgspec.MsgspecError:
            _log.warning("answer could not be read", site=site, command_id=self._command_id)
            return "unreadable", None
        return ("undecided", None) if answer.status in _UNDECIDED else ("answered", answer)


async def _subscribe(client: Client, subject: str, queue: str, handler: Handler) -> None:
    async def forward(message: Msg) -> None:
        await handler(message.subject, message.data)

    await client.subscribe(subject, queue=queue, cb=forward)
