"""The forwarders of the emulated network: TCP connections and UDP datagrams from one site to another.

A cut is a black hole, as a dug-up cable is: nothing closes, new connections hang, what was on its way stays; healed, it
goes on. Two things differ from a real network: the kernel of this machine completes a caller's TCP handshake before
anything crosses (so "hang" means connected and silent), and in a one-way cut the other direction of an open
connection goes on without acknowledgements from its peer.

The common case (no delay, nothing queued) is one `transport.write` per chunk.
"""

import asyncio
import random
import select
from collections import deque
from typing import Final, cast

from granslos.local.limits import LINK_BUFFER_BYTES, LINK_CONNECTIONS_MAX

END_OF_STREAM: Final = b""
"""In a queue: the sender will send no more."""
GONE: Final = None
"""In a queue: the sender's connection is closed."""
TIMER_SLACK_SECONDS = 0.0002
Address = tuple[str, int]


class Way:
    """One direction between two sites: open or cut, delay, loss; and the pipes that run along it."""

    def __init__(self) -> None:
        self.open = True
        self.delay_seconds = 0.0
        self.loss = 0.0
        self.pipes: set[Pipe] = set()
        self.bytes = 0
        self.datagrams = 0
        self.datagrams_dropped = 0

    def change(self, *, is_open: bool, delay_seconds: float, loss: float) -> None:
        """Applies a new state to everything that runs along it, at once."""
        self.open, self.delay_seconds, self.loss = is_open, delay_seconds, loss
        for pipe in tuple(self.pipes):
            pipe.regulate()


class Pipe:
    """One direction of one connection: from a source transport along a way to a sink transport, in order."""

    def __init__(self, way: Way, connection: "Connection") -> None:
        self.way = way
        self.connection = connection
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        self.sink_full = False
        self.finished = False
        self._queue: deque[tuple[float, bytes | None]] = deque()
        self.queued_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._reading = True
        self._loop = asyncio.get_running_loop()
        way.pipes.add(self)

    def feed(self, data: bytes | None) -> None:
        """Takes a chunk, END_OF_STREAM or GONE from the source."""
        way = self.way
        if way.open and not way.delay_seconds and not self._queue and self.sink is not None:
            self._deliver(data)
            return
        self._queue.append((self._loop.time() + way.delay_seconds, data))
        self.queued_bytes += len(data or b"")
        self.regulate()

    def regulate(self) -> None:
        """Reads from the source only while what was read can go on; wakes up for the next chunk that is due."""
        flowing = self.way.open and self.sink is not None
        self._read(flowing and not self.sink_full and self.queued_bytes < LINK_BUFFER_BYTES)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if flowing and self._queue:
            self._timer = self._loop.call_at(self._queue[0][0], self._release)

    def drop(self) -> None:
        """Forgets the pipe: an end of it is gone."""
        self.way.pipes.discard(self)
        self._queue.clear()
        self.queued_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _read(self, wanted: bool) -> None:
        if self.source is None or self.source.is_closing() or wanted == self._reading:
            return
        self._reading = wanted
        if wanted:
            self.source.resume_reading()
        else:
            self.source.pause_reading()

    def _release(self) -> None:
        self._timer = None
        due = self._loop.time() + TIMER_SLACK_SECONDS
        while self._queue and self._queue[0][0] <= due:
            _, data = self._queue.popleft()
            self.queued_bytes -= len(data or b"")
            self._deliver(data)
        self.regulate()

    def _deliver(self, data: bytes | None) -> None:
        sink = self.sink
        assert sink is not None, "delivered before the far end was connected"
        if data:
            self.way.bytes += len(data)
            if not sink.is_closing():
                sink.write(data)
            return
        self.finished = True
        if data is GONE:
            sink.close()
        elif not sink.is_closing() and sink.can_write_eof():
            sink.write_eof()
        self.connection.close_when_finished()


class End(asyncio.Protocol):
    """One end of a connection: reads into one pipe, is written to by the other."""

    def __init__(self, gives: Pipe, takes: Pipe) -> None:
        self.gives = gives
        self.takes = takes
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The end is there: its pipes may flow."""
        self.transport = self.gives.source = self.takes.sink = cast(asyncio.Transport, transport)
        self.gives.regulate()
        self.takes.regulate()

    def data_received(self, data: bytes) -> None:
        """Its peer sent."""
        self.gives.feed(data)

    def eof_received(self) -> bool:
        """Its peer will send no more, but may still listen."""
        self.gives.feed(END_OF_STREAM)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed: the other end is told when the news can cross."""
        self.takes.drop()
        self.gives.feed(GONE)
        self.gives.connection.end_lost()

    def pause_writing(self) -> None:
        """Its peer is too slow: nobody reads for it meanwhile."""
        self.takes.sink_full = True
        self.takes.regulate()

    def resume_writing(self) -> None:
        """Its peer has caught up."""
        self.takes.sink_full = False
        self.takes.regulate()


class _Caller(End):
    """The end that called: it asks for the far end as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.gives.connection.begin()


class Connection:
    """A connection from one site to a service of another."""

    def __init__(self, link: "TcpLink") -> None:
        self.link = link
        self.out = Pipe(link.way_there, self)
        self.back = Pipe(link.way_back, self)
        self.near = _Caller(self.out, self.back)
        self.far: End | None = None
        self._ends_open = 1

    def begin(self) -> None:
        """The caller is there; calls the service once both ways are open (a handshake crosses three times)."""
        self.link.connections.add(self)
        if len(self.link.connections) > LINK_CONNECTIONS_MAX:
            self.abort()
        elif self.link.is_open:
            seconds = 2 * self.link.way_there.delay_seconds + self.link.way_back.delay_seconds
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self.call)
            else:
                self.call()
        else:
            self.link.waiting.add(self)

    def call(self) -> None:
        """Connects the far end, or waits on when a way was cut meanwhile."""
        if self._ends_open == 0:
            return
        if not self.link.is_open:
            self.link.waiting.add(self)
            return
        self.link.waiting.discard(self)
        self.link.group.create_task(self._call())

    async def _call(self) -> None:
        self.far = far = End(self.back, self.out)
        self._ends_open += 1
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, *self.link.target)
        except OSError:
            self.far = None
            self.abort()
            self.end_lost()

    def close_when_finished(self) -> None:
        """Both ends have said that they send no more, and both were told."""
        if self.out.finished and self.back.finished:
            for end in (self.near, self.far):
                if end is not None and end.transport is not None:
                    end.transport.close()

    def end_lost(self) -> None:
        """One end is closed or never was; forgets the connection with the last."""
        self._ends_open -= 1
        if self._ends_open == 0:
            self.out.drop()
            self.back.drop()
            self.link.waiting.discard(self)
            self.link.connections.discard(self)

    def abort(self) -> None:
        """Closes both ends at once, and calls nobody any more."""
        self.link.waiting.discard(self)
        for end in (self.near, self.far):
            if end is not None and end.transport is not None:
                end.transport.abort()

    @property
    def given_up(self) -> bool:
        """Whether every open end has been closed by its peer; seen without reading, for use while frozen."""
        ends = [end.transport for end in (self.near, self.far) if end is not None and end.transport is not None]
        return all(transport.is_closing() or _hung_up(transport) for transport in ends)


def _hung_up(transport: asyncio.Transport) -> bool:
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))


class TcpLink:
    """From one site to one TCP service of another."""

    def __init__(self, ways: tuple[Way, Way], target: Address, group: asyncio.TaskGroup) -> None:
        self.way_there, self.way_back = ways
        self.target = target
        self.group = group
        self.connections: set[Connection] = set()
        self.waiting: set[Connection] = set()

    @property
    def is_open(self) -> bool:
        """Whether a handshake could cross."""
        return self.way_there.open and self.way_back.open

    async def listen(self, address: Address) -> asyncio.Server:
        """Starts to take connections.

        Raises:
            OSError: The port is in use.
        """
        return await asyncio.get_running_loop().create_server(lambda: Connection(self).near, *address, backlog=256)

    def changed(self) -> None:
        """A way was cut or healed: those who still wait are connected."""
        if self.is_open:
            self.sweep()
            for connection in tuple(self.waiting):
                connection.call()

    def sweep(self) -> None:
        """Drops frozen connections that nobody waits for any more."""
        frozen = self.waiting if self.is_open else self.connections
        for connection in tuple(frozen):
            if connection.given_up:
                connection.abort()


class UdpLink(asyncio.DatagramProtocol):
    """From one site to one UDP service of another; one direction only."""

    def __init__(self, way: Way, target: Address, dice: random.Random) -> None:
        self._way, self._target, self._dice = way, target, dice
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Passes a datagram on, late or not at all."""
        way = self._way
        if not way.open or (way.loss and self._dice.random() < way.loss):
            way.datagrams_dropped += 1
        elif way.delay_seconds:
            asyncio.get_running_loop().call_later(way.delay_seconds, self._send, data)
        else:
            self._send(data)

    def error_received(self, exc: Exception) -> None:
        """The service is not there (ICMP): for datagrams that is no error."""

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._way.datagrams += 1
            self._transport.sendto(data, self._target)
