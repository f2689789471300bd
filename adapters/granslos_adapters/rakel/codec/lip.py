"""Location information protocol (TS 100 392-18-1): what a vehicle says of its position, and the ways to ask.

A report without a fix carries zero coordinates on the air; here it has ``has_fix`` false and no degrees, so that no map
and no "nearest ambulance" can use it. An unknown speed is None.
"""

import msgspec

from granslos_adapters.rakel.codec import lip_tables as tables
from granslos_adapters.rakel.codec.bits import Bits, DecodeError, Writer
from granslos_adapters.rakel.codec.lip_control import LocationControl, decode_control
from granslos_adapters.rakel.codec.lip_long import LongReport, decode_long

PROTOCOL = 0x0A
SHORT_BITS = 84
"""Length of a short report with its protocol identifier; longer PDUs are padded."""

_SPEED = tables.SPEED_KMH
_REASONS = tables.REASONS
_LON_UNIT = tables.DEGREES_PER_LONGITUDE_UNIT
_LAT_UNIT = tables.DEGREES_PER_LATITUDE_UNIT


class ShortReport(msgspec.Struct, frozen=True, tag_field="pdu", tag="short_location_report", gc=False):
    """Short location report (clause 6.2.1). Degrees WGS 84; speed in km/h; direction in degrees from north.

    ``direction_deg`` means nothing while the speed is unknown or below walking pace: some terminals then send code 15.
    """

    has_fix: bool
    time_elapsed_code: int
    longitude_raw: int
    latitude_raw: int
    longitude_deg: float | None
    latitude_deg: float | None
    position_error_code: int
    horizontal_velocity_code: int
    speed_kmh: float | None
    direction_code: int
    direction_deg: float
    additional_data_type: int
    reason_code: int | None
    reason: str | None
    user_data: int | None = None


class ReservedPdu(msgspec.Struct, frozen=True, tag_field="pdu", tag="reserved"):
    """A PDU type that the standard reserves (2 and 3): kept, not understood."""

    pdu_type: int
    data_hex: str


Lip = ShortReport | LongReport | LocationControl | ReservedPdu
Report = ShortReport | LongReport


def decode_lip(bits: Bits) -> Lip:
    """Decode a location PDU that begins with its protocol identifier 0A.

    Raises:
        DecodeError: another protocol, or the mandatory part is cut.
    """
    value, length = bits.value, bits.length
    if length < 10:
        raise DecodeError("truncated", f"{length} bits are no location PDU")
    if value >> (length - 8) != PROTOCOL:
        raise DecodeError("wrong_protocol", f"protocol identifier {value >> (length - 8):02X} is not 0A", "protocol")
    kind = value >> (length - 10) & 3
    if kind == 0:
        if length < SHORT_BITS:
            raise DecodeError("truncated", f"{length} bits of {SHORT_BITS}", "short_location_report")
        return _short(value >> (length - SHORT_BITS))
    rest = Bits(value & (1 << (length - 10)) - 1, length - 10)
    if kind == 1:
        if rest.length < 4:
            raise DecodeError("truncated", "no PDU type extension", "extension")
        extension = rest.value >> (rest.length - 4)
        body = Bits(rest.value & (1 << (rest.length - 4)) - 1, rest.length - 4)
        return decode_long(body) if extension == 3 else decode_control(extension, body)
    return ReservedPdu(kind, bits.hex())


def _short(v: int) -> ShortReport:
    longitude = v >> 47 & 0x1FFFFFF
    if longitude & 0x1000000:
        longitude -= 0x2000000
    latitude = v >> 23 & 0xFFFFFF
    if latitude & 0x800000:
        latitude -= 0x1000000
    # Zero, zero is what terminals send without a fix; nobody drives an ambulance in the Gulf of Guinea.
    fix = longitude != 0 or latitude != 0
    velocity = v >> 13 & 0x7F
    direction = v >> 9 & 0xF
    data = v & 0xFF
    by_reason = not v & 0x100
    return ShortReport(
        fix,
        v >> 72 & 3,
        longitude,
        latitude,
        longitude * _LON_UNIT if fix else None,
        latitude * _LAT_UNIT if fix else None,
        v >> 20 & 7,
        velocity,
        _SPEED[velocity],
        direction,
        direction * 22.5,
        0 if by_reason else 1,
        data if by_reason else None,
        _REASONS.get(data) if by_reason else None,
        None if by_reason else data,
    )


class ShortFields(msgspec.Struct, frozen=True, kw_only=True):
    """What to put into a short report; no coordinates means no fix."""

    longitude_deg: float | None = None
    latitude_deg: float | None = None
    accuracy_m: float | None = None
    speed_kmh: float | None = None
    direction_deg: float | None = None
    time_elapsed_code: int = 0
    reason_code: int = tables.REASON_INTERVAL


def encode_short(fields: ShortFields) -> Bits:
    """Build a short location report of 84 bits, protocol identifier included."""
    fix = fields.longitude_deg is not None and fields.latitude_deg is not None
    writer = Writer().put(PROTOCOL, 8).put(0, 2)
    writer.put(fields.time_elapsed_code if fix else tables.TIME_ELAPSED_UNKNOWN, 2)
    writer.put(tables.encode_longitude(fields.longitude_deg) if fields.longitude_deg is not None and fix else 0, 25)
    writer.put(tables.encode_latitude(fields.latitude_deg) if fields.latitude_deg is not None and fix else 0, 24)
    writer.put(tables.encode_position_error(fields.accuracy_m) if fix else tables.POSITION_ERROR_UNKNOWN, 3)
    writer.put(tables.encode_speed(fields.speed_kmh), 7)
    writer.put(15 if fields.direction_deg is None else tables.encode_direction(fields.direction_deg), 4)
    return writer.put(0, 1).put(fields.reason_code, 8).bits()


def encode_position_request(destination_ssi: int, *, report_type_code: int = 3) -> Bits:
    """Build an immediate location report request; the answer goes to ``destination_ssi`` (clause 6.2.3)."""
    writer = Writer().put(PROTOCOL, 8).put(1, 2).put(1, 4).put(0, 1).put(report_type_code, 2)
    return writer.put(4, 5).put(28, 6).put(1, 4).put(destination_ssi, 24).bits()
