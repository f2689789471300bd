"""The envelope of an event: chain, place in the journal, desk and epoch, and the payload as raw bytes.

The bytes of an envelope are made once, by the site that journals it, and are copied unchanged into the LOG and every
``event_log``. Its hash is the SHA-256 of those bytes; ``prev`` is the hash of the event before it in the same journal, so
the chain can be checked byte for byte with any JSON reader and ``sha256sum``.
"""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from granslos.contract.commands import DeskName
from granslos.contract.errors import ContractError, InvalidFieldError, UnknownTypeError
from granslos.contract.events import AnyEvent, Event
from granslos.contract.person import decode_hook, encode_hook
from granslos.contract.places import Actor
from granslos.contract.types import CentreCode, CommandId, HexHash, IncidentId, Instant, SiteCode, Token

ZERO_HASH = "0" * 64
ENVELOPE_VERSION = 1
MARKER_JSEQ = 0
"""``jseq`` of an epoch marker, which belongs to no journal."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event with its place. ``refs`` lists the incidents it concerns besides its own aggregate."""

    v: int = ENVELOPE_VERSION
    event_id: Token
    type: str
    site: SiteCode
    generation: Annotated[int, Meta(ge=0)]
    jseq: Annotated[int, Meta(ge=0)]
    prev: HexHash
    aggregate: str
    id: str
    refs: tuple[IncidentId, ...] = ()
    centre: CentreCode | None = None
    desk: DeskName | None = None
    epoch: int | None = None
    provisional: bool = False
    base: Token | None = None
    command_id: CommandId
    command_hash: str = ""
    index: int = 0
    actor: Actor
    at: Instant
    payload: Raw

    @property
    def is_marker(self) -> bool:
        """Tell whether this is an epoch marker (in the LOG, in no journal)."""
        return self.type == "DeskMoved"


_encoder = msgspec.json.Encoder(enc_hook=encode_hook)
_envelope_decoder = msgspec.json.Decoder(Envelope)
_event_decoder = msgspec.json.Decoder(AnyEvent, dec_hook=decode_hook)
KNOWN_TYPES: frozenset[str] = frozenset(kind.__name__ for kind in AnyEvent.__args__)


def encode(value: object) -> bytes:
    """Encode any contract struct as JSON."""
    return _encoder.encode(value)


def encode_payload(event: Event) -> Raw:
    """Encode an event's payload."""
    return Raw(_encoder.encode(event))


def decode_envelope(data: bytes | memoryview) -> Envelope:
    """Decode an envelope, leaving its payload raw.

    Raises:
        ContractError: not an envelope.
    """
    try:
        return _envelope_decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ContractError(f"not an envelope: {error}") from error


def decode_payload(envelope: Envelope) -> Event:
    """Decode an envelope's payload.

    Raises:
        UnknownTypeError: a type of a newer release; park its aggregate.
        InvalidFieldError: a known type that does not follow the contract.
    """
    if envelope.type not in KNOWN_TYPES or envelope.v > ENVELOPE_VERSION:
        raise UnknownTypeError(f"{envelope.type} v{envelope.v}")
    try:
        event: Event = _event_decoder.decode(envelope.payload)
    except msgspec.DecodeError as error:
        raise InvalidFieldError(f"{envelope.type}: {error}") from error
    if type(event).__name__ != envelope.type:
        raise InvalidFieldError(f"{envelope.type}: payload is tagged {type(event).__name__}")
    return event


def event_hash(data: bytes) -> str:
    """Return the hash of an envelope's bytes: SHA-256, lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def derive_id(*parts: str | int) -> str:
    """Return a 32-digit hex id that depends on ``parts`` only."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def handover_id(source: str, source_id: str) -> str:
    """Return the id of the handover that ``source`` calls ``source_id``."""
    return derive_id("handover", source, source_id)


def event_id(command_id: str, index: int) -> str:
    """Return the id of a command's event number ``index``: the same at every site that decides the command."""
    return derive_id("event", command_id, index)
