"""What guards say to each other: small sealed datagrams, four a second.

A beat carries an HMAC of a key that all guards share, so that a stray packet cannot keep a cut-off hub alive, and
echoes the last beat heard from each peer. Only a beat that echoes one of ours of the last moments counts as contact:
that proves that the other end hears us too, and that it is no recording. Beats of one session count upwards; an older
one than the last, or of a session that was replaced, is dropped.
"""

import hashlib
import hmac
import secrets
from collections import deque

import msgspec

from granslos.replication.guard_core import LOST_AFTER_SECONDS

DATAGRAM_BYTES_MAX = 1200
"""A beat fits one Ethernet frame, tunnels included."""
KEY_BYTES_MIN = 16
SENT_KEPT_MAX = 256
"""Own beats whose echo is still recognised; answers to a flood of contacts are bounded by it as well."""
SESSIONS_KEPT_MAX = 64
"""Replaced sessions of a peer that are still recognised as old."""
VERSION = 1
_TAG_BYTES = hashlib.sha256().digest_size


class Beat(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One beat.

    Attributes:
        version: Of this format.
        site: Sender's code.
        session: Random number of the sender's process.
        sequence: Counts the sender's beats.
        echoes: Peer's code → session and sequence of its last beat that the sender heard.
        hears: Codes of the peers that the sender is in contact with.
        hub_running: Whether the sender's hub runs.
    """

    version: int
    site: str
    session: int
    sequence: int
    echoes: dict[str, tuple[int, int]]
    hears: tuple[str, ...]
    hub_running: bool


def sealed(key: bytes, beat: Beat) -> bytes:
    """The datagram of a beat."""
    body = msgspec.msgpack.encode(beat)
    datagram = hmac.digest(key, body, "sha256") + body
    assert len(datagram) <= DATAGRAM_BYTES_MAX, "a beat grew beyond one frame"
    return datagram


def opened(key: bytes, datagram: bytes) -> Beat | None:
    """The beat in a datagram; None unless it was sealed with that key and is of this version."""
    if not _TAG_BYTES < len(datagram) <= DATAGRAM_BYTES_MAX:
        return None
    tag, body = datagram[:_TAG_BYTES], datagram[_TAG_BYTES:]
    if not hmac.compare_digest(tag, hmac.digest(key, body, "sha256")):
        return None
    try:
        beat = msgspec.msgpack.decode(body, type=Beat)
    except msgspec.DecodeError:
        return None
    return beat if beat.version == VERSION else None


class _Peer:
    """What was last heard from one peer."""

    def __init__(self) -> None:
        self.session = 0
        self.sequence = 0
        self.replaced: deque[int] = deque(maxlen=SESSIONS_KEPT_MAX)
        self.beat: Beat | None = None
        self.heard_at: float | None = None


class BeatBook:
    """Own beats sent and peers' beats heard; instants in seconds of one monotonic clock."""

    def __init__(self, site: str, peers: tuple[str, ...]) -> None:
        self.site = site
        self.session = secrets.randbits(62)
        self._sequence = 0
        self._sent_at: dict[int, float] = {}
        self._peers = {peer: _Peer() for peer in peers}

    def next(self, now: float, *, hears: tuple[str, ...], hub_running: bool) -> Beat:
        """The next beat to send, the same to every peer."""
        self._sequence += 1
        self._sent_at[self._sequence] = now
        while len(self._sent_at) > SENT_KEPT_MAX:
            del self._sent_at[next(iter(self._sent_at))]
        return Beat(
            version=VERSION,
            site=self.site,
            session=self.session,
            sequence=self._sequence,
            echoes={name: (peer.session, peer.sequence) for name, peer in self._peers.items() if peer.beat is not None},
            hears=hears,
            hub_running=hub_running,
        )

    def take(self, beat: Beat, now: float) -> bool:
        """Notes a peer's beat; whether it is new and belongs to a peer."""
        peer = self._peers.get(beat.site)
        if peer is None or beat.session in peer.replaced:
            return False
        if beat.session == peer.session and beat.sequence <= peer.sequence:
            return False
        if beat.session != peer.session:
            peer.replaced.append(peer.session)
        peer.session, peer.sequence, peer.beat, peer.heard_at = beat.session, beat.sequence, beat, now
        return True

    def echoed_at(self, beat: Beat, now: float) -> float | None:
        """When the beat of ours that this one echoes was sent; None when it echoes none, or one too long ago."""
        session, sequence = beat.echoes.get(self.site, (0, 0))
        sent_at = self._sent_at.get(sequence)
        if session != self.session or sent_at is None or now - sent_at >= LOST_AFTER_SECONDS:
            return None
        return sent_at

    def last(self, peer: str) -> tuple[Beat | None, float | None]:
        """The last beat of a peer, and when it was heard (one way is enough)."""
        known = self._peers[peer]
        return known.beat, known.heard_at
