"""What a received short data message is: SDS types 1 to 4 and SDS-TL (EN 300 392-2, clause 29).

Decoding depends on the service of the PEI header (9 to 11: types 1 to 3, 12: type 4, 13: status) and, in type 4, on the
protocol identifier. What nobody here understands keeps its bytes and says so; only cut messages raise.
"""

import msgspec

from granslos_adapters.rakel.codec import sds_tables as tables
from granslos_adapters.rakel.codec.bits import Bits, DecodeError, Reader
from granslos_adapters.rakel.codec.lip import Lip, decode_lip
from granslos_adapters.rakel.codec.location_system import VendorLocation, decode_location_system
from granslos_adapters.rakel.codec.status import ShortReport, Status, decode_status
from granslos_adapters.rakel.codec.text import decode_text

SERVICE_TYPE_1, SERVICE_TYPE_2, SERVICE_TYPE_3, SERVICE_TYPE_4, SERVICE_STATUS = 9, 10, 11, 12, 13
_TYPE_BITS = {SERVICE_TYPE_1: 16, SERVICE_TYPE_2: 32, SERVICE_TYPE_3: 64}


class Timestamp(msgspec.Struct, frozen=True, gc=False):
    """The sender's clock, without a year; ``timeframe`` 1 is UTC, 0 the sender's local time. Evidence, not a clock."""

    month: int
    day: int
    hour: int
    minute: int
    timeframe: int


class UserDataHeader(msgspec.Struct, frozen=True, gc=False):
    """Which part of which long text this is (clause 29.5.10.3). ``reference`` is that of the first part."""

    length: int
    element: int
    reference: int | None = None
    total: int | None = None
    sequence: int | None = None


class Concatenation(msgspec.Struct, frozen=True, gc=False):
    """Which part of which long message this is (clause 29.5.14); ``protocol`` comes with the first part only."""

    reference: int
    total: int
    sequence: int
    protocol: int | None
    data_hex: str


class SimpleText(msgspec.Struct, frozen=True, tag_field="kind", tag="simple_text", gc=False):
    """Text without a transport layer: no receipt is possible. Protocol 9 is to be shown at once."""

    protocol: int
    coding: int
    text: str


class Transfer(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="sds_transfer"):
    """SDS-TRANSFER. ``delivery_report_request``: 0 none, 1 received, 2 consumed, 3 both.

    ``validity_period_s`` is None without a store block and for unlimited; ``data_hex`` is user data that is not text.
    """

    protocol: int
    delivery_report_request: int
    short_form_report_allowed: bool
    store_forward: bool
    message_reference: int
    validity_period_s: int | None = None
    forward_address_type: int | None = None
    forward_address_ssi: int | None = None
    coding: int | None = None
    timestamp: Timestamp | None = None
    udh: UserDataHeader | None = None
    concatenation: Concatenation | None = None
    location: VendorLocation | None = None
    text: str | None = None
    data_hex: str = ""


class Report(msgspec.Struct, frozen=True, tag_field="kind", tag="sds_report", gc=False):
    """SDS-REPORT: how a message that we sent fares."""

    protocol: int
    ack_required: bool
    delivery_status: int
    message_reference: int
    meaning: str


class Acknowledgement(msgspec.Struct, frozen=True, tag_field="kind", tag="sds_ack", gc=False):
    """SDS-ACK: our report arrived."""

    protocol: int
    delivery_status: int
    message_reference: int
    meaning: str


class ConcatenatedPart(msgspec.Struct, frozen=True, tag_field="kind", tag="concatenated_part"):
    """A part of a long message without transport layer (protocol 0C)."""

    protocol: int
    concatenation: Concatenation


class UserData(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="user_data"):
    """Data nobody here takes apart: SDS types 1 to 3, and type 4 of other protocols."""

    sds_type: int
    protocol: int | None = None
    protocol_name: str | None = None
    length_bits: int
    data_hex: str


Sds = Status | ShortReport | SimpleText | Transfer | Report | Acknowledgement | ConcatenatedPart | UserData | Lip


def decode_sds(service: int, bits: Bits) -> Sds:
    """Decode the user data of a short data indication.

    Args:
        service: AI service of the PEI header, 9 to 13.
        bits: the user data, cut to the length the header declares.

    Raises:
        DecodeError: cut, or a service that carries no short data.
    """
    if service == SERVICE_STATUS:
        return decode_status(bits)
    if service in _TYPE_BITS:
        return _fixed(service, bits)
    if service != SERVICE_TYPE_4:
        raise DecodeError("unknown_service", f"AI service {service} carries no short data", "service")
    reader = Reader(bits)
    protocol = reader.take(8, "protocol")
    if protocol >= tables.SDS_TL_FIRST:
        return _transport_layer(protocol, reader)
    match protocol:
        case tables.LOCATION:
            return decode_lip(bits)
        case tables.SIMPLE_TEXT | tables.SIMPLE_IMMEDIATE_TEXT:
            coding = reader.take(8, "coding") & 0x7F
            return SimpleText(protocol, coding, decode_text(coding, reader.rest().octets()))
        case tables.SIMPLE_CONCATENATED:
            return ConcatenatedPart(protocol, decode_concatenation(reader))
        case _:
            return _unknown(protocol, bits)


def decode_user_data(protocol: int, data: Bits) -> tuple[int | None, Timestamp | None, UserDataHeader | None, str] | None:
    """Take the user data of a text protocol apart: coding, time stamp, header, text; None for another protocol.

    Raises:
        DecodeError: cut.
    """
    if protocol in (tables.SIMPLE_TEXT, tables.SIMPLE_IMMEDIATE_TEXT):
        reader = Reader(data)
        coding = reader.take(8, "coding") & 0x7F
        return coding, None, None, decode_text(coding, reader.rest().octets())
    if protocol not in (tables.TEXT, tables.IMMEDIATE_TEXT, tables.TEXT_WITH_HEADER):
        return None
    reader = Reader(data)
    stamped, coding = reader.take(1, "coding"), reader.take(7, "coding")
    stamp = _timestamp(reader) if stamped else None
    header = _user_data_header(reader) if protocol == tables.TEXT_WITH_HEADER else None
    return coding, stamp, header, decode_text(coding, reader.rest().octets())


def decode_concatenation(reader: Reader) -> Concatenation:
    """Take a concatenation header and the part behind it.

    Raises:
        DecodeError: cut, another concatenation PDU than a transfer, or a part outside its total.
    """
    if reader.take(3, "concatenation type"):
        raise DecodeError("reserved", "concatenation PDU is not a transfer", "concatenation type")
    extended = reader.take(1, "reference extension")
    reference = reader.take(12 if extended else 4, "concatenation reference")
    total, sequence = reader.take(8, "total"), reader.take(8, "sequence")
    _check_part(total, sequence)
    protocol = reader.take(8, "payload protocol") if sequence == 1 else None
    return Concatenation(reference, total, sequence, protocol, reader.rest().hex())


def _fixed(service: int, bits: Bits) -> UserData:
    length = _TYPE_BITS[service]
    if bits.length < length:
        raise DecodeError("truncated", f"{bits.length} bits of {length}", "user data")
    data = Bits(bits.value >> (bits.length - length), length)
    return UserData(sds_type=service - 8, length_bits=length, data_hex=data.hex())


def _unknown(protocol: int, bits: Bits) -> UserData:
    return UserData(
        sds_type=4,
        protocol=protocol,
        protocol_name=tables.PROTOCOLS.get(protocol),
        length_bits=bits.length,
        data_hex=bits.hex(),
    )


def _transport_layer(protocol: int, reader: Reader) -> Sds:
    whole = Bits(protocol << reader.left | reader.peek_rest().value, reader.left + 8)
    match reader.take(4, "message type"):
        case 0:
            return _transfer(protocol, reader)
        case 1:
            wanted, _, _store = bool(reader.take(1)), reader.take(2), reader.take(1, "report header")
            status, reference = reader.take(8, "delivery status"), reader.take(8, "message reference")
            return Report(protocol, wanted, status, reference, tables.DELIVERY.get(status, "unknown"))
        case 2:
            reader.take(4, "acknowledgement header")
            status, reference = reader.take(8, "delivery status"), reader.take(8, "message reference")
            return Acknowledgement(protocol, status, reference, tables.DELIVERY.get(status, "unknown"))
        case _:
            return _unknown(protocol, whole)


def _transfer(protocol: int, reader: Reader) -> Transfer:
    request = reader.take(2, "delivery report request")
    short_form_allowed = not reader.take(1, "short form report")
    store = bool(reader.take(1, "store and forward"))
    reference = reader.take(8, "message reference")
    validity, address_type, ssi = _store_block(reader) if store else (None, None, None)
    head = Transfer(
        protocol=protocol,
        delivery_report_request=request,
        short_form_report_allowed=short_form_allowed,
        store_forward=store,
        message_reference=reference,
        validity_period_s=validity,
        forward_address_type=address_type,
        forward_address_ssi=ssi,
    )
    if protocol == tables.CONCATENATED:
        return msgspec.structs.replace(head, concatenation=decode_concatenation(reader))
    data = reader.rest()
    parts = decode_user_data(protocol, data)
    if parts is not None:
        coding, stamp, header, text = parts
        return msgspec.structs.replace(head, coding=coding, timestamp=stamp, udh=header, text=text)
    location = decode_location_system(data.octets()) if protocol == tables.LOCATION_SYSTEM else None
    return msgspec.structs.replace(head, location=location, data_hex=data.hex())


def _store_block(reader: Reader) -> tuple[int | None, int, int | None]:
    validity = tables.decode_validity(reader.take(5, "validity"))
    kind = reader.take(3, "forward address type")
    ssi = None
    if kind == 0:
        reader.take(8, "forward address")
    elif kind in (1, 2):
        ssi = reader.take(24, "forward address")
        reader.take(24 if kind == 2 else 0, "forward address extension")
    elif kind == 3:
        digits = reader.take(8, "external number")
        reader.take(8 * -(-digits // 2), "external number")
    return validity, kind, ssi


def _timestamp(reader: Reader) -> Timestamp:
    frame, _reserved = reader.take(2, "time stamp"), reader.take(2, "time stamp")
    month, day = reader.take(4, "month"), reader.take(5, "day")
    return Timestamp(month, day, reader.take(5, "hour"), reader.take(6, "minute"), frame)


def _user_data_header(reader: Reader) -> UserDataHeader:
    length = reader.take(8, "user data header")
    body = Reader(Bits(reader.take(8 * length, "user data header"), 8 * length))
    element, size = body.take(8, "header element"), body.take(8, "header element length")
    if (element, size) not in ((0, 3), (8, 4)):
        return UserDataHeader(length, element)
    reference = body.take(16 if element == 8 else 8, "reference")
    total, sequence = body.take(8, "total"), body.take(8, "sequence")
    _check_part(total, sequence)
    return UserDataHeader(length, element, reference, total, sequence)


def _check_part(total: int, sequence: int) -> None:
    if not 1 <= sequence <= total:
        raise DecodeError("bad_part", f"part {sequence} of {total}", "sequence")
