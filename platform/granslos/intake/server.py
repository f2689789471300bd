"""Takes commands and node-to-node requests from the bus, and answers each within its deadline."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from structlog import get_logger

from granslos.application.ports import CommandPort
from granslos.contract.answers import Answer, rejected
from granslos.contract.commands import CommandRequest
from granslos.contract.envelope import encode
from granslos.contract.person import decode_hook
from granslos.contract.subjects import command_filter, control_subject
from granslos.runtime import limits
from granslos.runtime.bus import Bus

log = get_logger(__name__)
_decoder = msgspec.json.Decoder(CommandRequest, dec_hook=decode_hook)
Control = Callable[[bytes], Awaitable[bytes]]


def decode_request(data: bytes) -> CommandRequest | Answer:
    """Return the request, or the answer that names what is wrong with it."""
    if len(data) > limits.COMMAND_BODY_BYTES_MAX:
        return rejected(413, "too_large", "The command is too large", f"at most {limits.COMMAND_BODY_BYTES_MAX} bytes")
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        detail, _, where = str(error).partition(" - at `$.")
        return rejected(422, "invalid", "The command is not valid", detail, where.rstrip("`") or None)
    except msgspec.DecodeError as error:
        return rejected(400, "not_json", "The command is not JSON", str(error))


class Intake:
    """Serves one site's commands on all its connections; a queue group makes each command arrive once."""

    def __init__(self, site: str, commands: CommandPort) -> None:
        self._site, self._commands = site, commands
        self._running: set[asyncio.Task[None]] = set()
        self.controls: dict[str, Control] = {}

    async def listen(self, bus: Bus) -> None:
        """Listen on one connection."""
        await bus.subscribe(command_filter(self._site), self._take, queue=f"node-{self._site}")
        await bus.subscribe(
            control_subject(self._site, "ask").rpartition(".")[0] + ".*", self._control, queue=f"node-{self._site}"
        )

    async def _take(self, message: Msg) -> None:
        if len(self._running) >= limits.INTAKE_COMMANDS_MAX:
            await _reply(message, encode(rejected(503, "overloaded", "Too many commands at once")))
            return
        self._start(self._serve(message))

    async def _control(self, message: Msg) -> None:
        self._start(self._serve_control(message))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _serve(self, message: Msg) -> None:
        request = decode_request(message.data)
        answer = request if isinstance(request, Answer) else await self._commands.submit(request)
        await _reply(message, encode(answer))

    async def _serve_control(self, message: Msg) -> None:
        handler = self.controls.get(message.subject.rpartition(".")[2])
        if handler is not None:
            await _reply(message, await handler(message.data))


async def _reply(message: Msg, data: bytes) -> None:
    if message.reply:
        try:
            await message.respond(data)
        except NatsError as error:
            # The asker will not hear it; it asks again with the same command id.
            log.debug("reply_not_sent", reason=type(error).__name__)
