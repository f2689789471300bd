"""Vehicle positions that some terminals send in vendors' own forms over protocol 83: binary tokens, or NMEA text.

Only one token sequence is taken apart: 34 (time: year 14, month 4, day 5, hour 5, minute 6, second 6 bits) directly
followed by 66 (circle: latitude 32, longitude 32, radius 16 bits). Anything else stays bytes: a guessed position is
worse than none. The sender's time is evidence only; receivers with an old week counter are 1 024 weeks off.
"""

import msgspec

from granslos_adapters.rakel.codec.bits import Bits, Reader

BINARY = 0x80
NMEA = 0x00
_TIME_TOKEN = 0x34
_CIRCLE_TOKEN = 0x66
_SEQUENCE_BYTES = 1 + 5 + 1 + 10
HEADER_BYTES_MAX = 16
"""How far into the data the time token is looked for."""


class VendorLocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position in a vendor's form; degrees WGS 84, metres. ``has_fix`` false: nothing usable was said."""

    has_fix: bool
    form: str
    sender_time: str | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    radius_code: int | None = None
    sentence: str | None = None


def decode_location_system(data: bytes) -> VendorLocation | None:
    """Return what the data says, or None when its form is unknown. Never raises."""
    if data[:1] == bytes([BINARY]):
        return _binary(data[1:])
    text = data[1:] if data[:1] == bytes([NMEA]) else data
    if text[:1] == b"$":
        return VendorLocation(has_fix=False, form="nmea", sentence=text.decode("ascii", "replace").strip())
    return None


def _binary(data: bytes) -> VendorLocation:
    for start in range(min(HEADER_BYTES_MAX, len(data) - _SEQUENCE_BYTES) + 1):
        if data[start] == _TIME_TOKEN and data[start + 6] == _CIRCLE_TOKEN:
            found = _sequence(Reader(Bits.from_bytes(data[start : start + _SEQUENCE_BYTES])))
            if found is not None:
                return found
    return VendorLocation(has_fix=False, form="tokens")


def _sequence(reader: Reader) -> VendorLocation | None:
    reader.take(8)
    year, month, day = reader.take(14), reader.take(4), reader.take(5)
    hour, minute, second = reader.take(5), reader.take(6), reader.take(6)
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return None
    reader.take(8)
    latitude, longitude, radius = reader.signed(32), reader.signed(32), reader.take(16)
    fix = latitude != 0 or longitude != 0
    return VendorLocation(
        has_fix=fix,
        form="tokens",
        sender_time=f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z",
        latitude_deg=latitude * 180.0 / 2**32 if fix else None,
        longitude_deg=longitude * 360.0 / 2**32 if fix else None,
        radius_code=radius,
    )
