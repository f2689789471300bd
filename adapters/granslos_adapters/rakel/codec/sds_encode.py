"""Builds short data messages: texts (whole or in parts), receipts, statuses (EN 300 392-2, clause 29)."""

import msgspec

from granslos_adapters.rakel.codec import sds_tables as tables
from granslos_adapters.rakel.codec.bits import Bits, Writer
from granslos_adapters.rakel.codec.sds import Timestamp
from granslos_adapters.rakel.codec.text import LATIN_1, characters_that_fit, encode_text, split_text

HEADER_BITS = 32
"""Protocol, SDS-TL header, reference and coding of a text without time stamp and store block."""
STORE_BLOCK_BITS = 8
TIMESTAMP_BITS = 24
USER_DATA_HEADER_BITS = 48
NO_FORWARD_ADDRESS = 7
PARTS_MAX = 255


class TextFields(msgspec.Struct, frozen=True, kw_only=True):
    """How a text is to be sent. ``delivery_report_request``: 0 none, 1 received, 2 consumed, 3 both.

    ``validity_seconds`` 0 sends no store block: the network then keeps nothing for a radio that is away. None is
    unlimited.
    """

    text: str
    coding: int = LATIN_1
    immediate: bool = False
    delivery_report_request: int = 1
    short_form_report_allowed: bool = True
    validity_seconds: float | None = 0.0
    timestamp: Timestamp | None = None


class NoRoomError(ValueError):
    """The text needs more parts than a message may have, or a part has no room for a character."""


def encode_report(protocol: int, delivery_status: int, message_reference: int, *, ack_required: bool = False) -> Bits:
    """Build an SDS-REPORT: 0 received, 2 consumed."""
    writer = Writer().put(protocol, 8).put(1, 4).put(int(ack_required), 1).put(0, 3)
    return writer.put(delivery_status, 8).put(message_reference, 8).bits()


def encode_ack(protocol: int, delivery_status: int, message_reference: int) -> Bits:
    """Build an SDS-ACK."""
    return Writer().put(protocol, 8).put(2, 4).put(0, 4).put(delivery_status, 8).put(message_reference, 8).bits()


def encode_simple_text(text: str, *, coding: int = LATIN_1, immediate: bool = False) -> Bits:
    """Build a text without transport layer; nobody will ever know whether it arrived."""
    protocol = tables.SIMPLE_IMMEDIATE_TEXT if immediate else tables.SIMPLE_TEXT
    return Writer().put(protocol, 8).put(coding, 8).append(Bits.from_bytes(encode_text(coding, text))).bits()


def encode_text_message(fields: TextFields, message_reference: int) -> Bits:
    """Build a text as one SDS-TRANSFER, however long."""
    protocol = tables.IMMEDIATE_TEXT if fields.immediate else tables.TEXT
    writer = _head(Writer(), protocol, fields, message_reference)
    return writer.append(Bits.from_bytes(encode_text(fields.coding, fields.text))).bits()


def references_needed(fields: TextFields, pdu_bits_max: int) -> int:
    """Return into how many messages, each with a reference of its own, a text will be cut.

    Raises:
        NoRoomError: it cannot be sent at all.
    """
    return len(_parts(fields, pdu_bits_max))


def encode_text_messages(fields: TextFields, first_reference: int, pdu_bits_max: int) -> list[Bits]:
    """Build a text as one message, or as parts with a user data header where it is longer than ``pdu_bits_max``.

    References count up from ``first_reference`` (modulo 256); the header of every part carries the first one.

    Raises:
        NoRoomError: it cannot be sent at all.
    """
    parts = _parts(fields, pdu_bits_max)
    if len(parts) == 1:
        return [encode_text_message(fields, first_reference)]
    messages = []
    for index, part in enumerate(parts):
        writer = _head(Writer(), tables.TEXT_WITH_HEADER, fields, (first_reference + index) % 256)
        writer.put(5, 8).put(0, 8).put(3, 8).put(first_reference, 8).put(len(parts), 8).put(index + 1, 8)
        messages.append(writer.append(Bits.from_bytes(encode_text(fields.coding, part))).bits())
    return messages


def encode_concatenated(payload: Bits, reference: int, part_bits_max: int) -> list[Bits]:
    """Cut any type 4 message (protocol first) into concatenated SDS parts without transport layer (protocol 0C).

    Raises:
        NoRoomError: more parts than 255.
    """
    head_bits = 8 + 8 + 16
    room = (part_bits_max - head_bits) // 8
    data = payload.octets()
    if room < 2:
        raise NoRoomError(f"{part_bits_max} bits hold no part")
    chunks = [data[start : start + room] for start in range(0, len(data), room)]
    if len(chunks) > PARTS_MAX:
        raise NoRoomError(f"{len(chunks)} parts")
    return [
        Writer()
        .put(tables.SIMPLE_CONCATENATED, 8)
        .put(0, 4)
        .put(reference & 15, 4)
        .put(len(chunks), 8)
        .put(index, 8)
        .append(Bits.from_bytes(chunk))
        .bits()
        for index, chunk in enumerate(chunks, start=1)
    ]


def _head(writer: Writer, protocol: int, fields: TextFields, reference: int) -> Writer:
    store = fields.validity_seconds != 0.0
    writer.put(protocol, 8).put(0, 4).put(fields.delivery_report_request, 2)
    writer.put(int(not fields.short_form_report_allowed), 1).put(int(store), 1).put(reference, 8)
    if store:
        writer.put(tables.encode_validity(fields.validity_seconds), 5).put(NO_FORWARD_ADDRESS, 3)
    stamp = fields.timestamp
    writer.put(int(stamp is not None), 1).put(fields.coding, 7)
    if stamp is not None:
        writer.put(stamp.timeframe, 2).put(0, 2).put(stamp.month, 4)
        writer.put(stamp.day, 5).put(stamp.hour, 5).put(stamp.minute, 6)
    return writer


def _parts(fields: TextFields, pdu_bits_max: int) -> list[str]:
    head = HEADER_BITS + (STORE_BLOCK_BITS if fields.validity_seconds != 0.0 else 0)
    head += TIMESTAMP_BITS if fields.timestamp is not None else 0
    if characters_that_fit(fields.coding, pdu_bits_max - head) and fields.text == "":
        return [""]
    try:
        whole = split_text(fields.coding, pdu_bits_max - head, fields.text)
        parts = whole if len(whole) == 1 else split_text(fields.coding, _part_room(head, pdu_bits_max), fields.text)
    except ValueError as error:
        raise NoRoomError(str(error)) from None
    if len(parts) > PARTS_MAX:
        raise NoRoomError(f"{len(parts)} parts")
    return parts


def _part_room(head: int, pdu_bits_max: int) -> int:
    # Whole octets, because packed seven bit text is padded to octets.
    return (pdu_bits_max - head - USER_DATA_HEADER_BITS) // 8 * 8
