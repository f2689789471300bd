"""Long location report (TS 100 392-18-1, clause 6.2.2): time, shape, velocity, reason, type 5 elements."""

from typing import Any

import msgspec

from granslos_adapters.rakel.codec import lip_tables as tables
from granslos_adapters.rakel.codec.bits import Bits, DecodeError, Reader, Writer
from granslos_adapters.rakel.codec.lip_elements import (
    RESULT_CODE,
    STATUS_VALUE,
    Element,
    decode_elements,
    encode_element,
    find_value,
)


class TimeOfPosition(msgspec.Struct, frozen=True, gc=False):
    """UTC, without month and year: evidence, not a clock."""

    day: int
    hour: int
    minute: int
    second: int


class LongReport(msgspec.Struct, frozen=True, kw_only=True, tag_field="pdu", tag="long_location_report", omit_defaults=True):
    """Long location report. Degrees WGS 84, metres, km/h, degrees from north; None where unknown or not sent.

    ``has_fix`` is false for shape 0, for zero coordinates, and where a result code says that positioning failed.
    ``rest_hex`` holds bits behind the last element that are not padding.
    """

    has_fix: bool
    time_data_type: int
    time_elapsed_code: int | None = None
    time_of_position_utc: TimeOfPosition | None = None
    shape_code: int
    shape: str
    longitude_raw: int | None = None
    latitude_raw: int | None = None
    longitude_deg: float | None = None
    latitude_deg: float | None = None
    horizontal_uncertainty_code: int | None = None
    horizontal_uncertainty_m: float | None = None
    half_major_axis_code: int | None = None
    half_minor_axis_code: int | None = None
    half_major_axis_m: float | None = None
    half_minor_axis_m: float | None = None
    angle_deg: float | None = None
    confidence_code: int | None = None
    altitude_type: int | None = None
    altitude_code: int | None = None
    altitude_m: int | None = None
    altitude_uncertainty_code: int | None = None
    inner_radius_code: int | None = None
    outer_radius_code: int | None = None
    start_angle_deg: float | None = None
    stop_angle_deg: float | None = None
    position_error_code: int | None = None
    velocity_type: int
    horizontal_velocity_code: int | None = None
    speed_kmh: float | None = None
    horizontal_velocity_uncertainty_code: int | None = None
    vertical_velocity_code: int | None = None
    vertical_velocity_uncertainty_code: int | None = None
    direction_code: int | None = None
    direction_deg: float | None = None
    direction_uncertainty_code: int | None = None
    acknowledgement_requested: bool
    additional_data_type: int
    reason_code: int | None = None
    reason: str | None = None
    user_data: int | None = None
    type5_elements: tuple[Element, ...] = ()
    rest_hex: str = ""

    @property
    def result_code(self) -> int | None:
        """The result code element, if there is one; 0 is success."""
        return find_value(self.type5_elements, RESULT_CODE)

    @property
    def status_value(self) -> int | None:
        """The pre-coded status that caused this report, if it says so."""
        return find_value(self.type5_elements, STATUS_VALUE)


# Fields after the coordinates, in the order of transmission. Widths in bits.
_SHAPE_FIELDS: dict[int, tuple[tuple[str, int], ...]] = {
    1: (),
    2: (("horizontal_uncertainty_code", 6),),
    3: (("half_major_axis_code", 6), ("half_minor_axis_code", 6), ("angle", 8), ("confidence_code", 3)),
    4: (("altitude", 12),),
    5: (("horizontal_uncertainty_code", 6), ("altitude", 12)),
    6: (
        ("half_major_axis_code", 6),
        ("half_minor_axis_code", 6),
        ("angle", 8),
        ("altitude", 12),
        ("confidence_code", 3),
    ),
    7: (("horizontal_uncertainty_code", 6), ("altitude", 12), ("altitude_uncertainty_code", 3)),
    8: (
        ("half_major_axis_code", 6),
        ("half_minor_axis_code", 6),
        ("angle", 8),
        ("altitude", 12),
        ("altitude_uncertainty_code", 3),
        ("confidence_code", 3),
    ),
    9: (
        ("inner_radius_code", 16),
        ("outer_radius_code", 16),
        ("start_angle", 8),
        ("stop_angle", 8),
        ("confidence_code", 3),
    ),
    10: (("position_error_code", 3),),
}
_HORIZONTAL = ("horizontal_velocity_code", 7)
_HORIZONTAL_UNCERTAINTY = ("horizontal_velocity_uncertainty_code", 3)
_VERTICAL = ("vertical_velocity_code", 8)
_VERTICAL_UNCERTAINTY = ("vertical_velocity_uncertainty_code", 3)
_DIRECTION = ("direction_code", 8)
_DIRECTION_UNCERTAINTY = ("direction_uncertainty_code", 3)
_VELOCITY_FIELDS: tuple[tuple[tuple[str, int], ...], ...] = (
    (),
    (_HORIZONTAL,),
    (_HORIZONTAL, _HORIZONTAL_UNCERTAINTY),
    (_HORIZONTAL, _VERTICAL),
    (_HORIZONTAL, _HORIZONTAL_UNCERTAINTY, _VERTICAL, _VERTICAL_UNCERTAINTY),
    (_HORIZONTAL, _DIRECTION),
    (_HORIZONTAL, _HORIZONTAL_UNCERTAINTY, _DIRECTION, _DIRECTION_UNCERTAINTY),
    (
        _HORIZONTAL,
        _HORIZONTAL_UNCERTAINTY,
        _VERTICAL,
        _VERTICAL_UNCERTAINTY,
        _DIRECTION,
        _DIRECTION_UNCERTAINTY,
    ),
)
Fields = dict[str, Any]


def decode_long(body: Bits) -> LongReport:
    """Decode what follows the extension field.

    Raises:
        DecodeError: the mandatory part is cut, or a reserved time or shape makes its length unknowable.
    """
    reader = Reader(body)
    fields: Fields = {}
    _time(reader, fields)
    shape = reader.take(4, "shape")
    coordinates = _shape(reader, shape, fields)
    _velocity(reader, fields)
    fields["acknowledgement_requested"] = bool(reader.take(1, "acknowledgement request"))
    _additional(reader, fields)
    elements, rest = decode_elements(reader)
    failed = bool(find_value(elements, RESULT_CODE))
    fix = coordinates is not None and coordinates != (0, 0) and not failed
    if fix and coordinates is not None:
        fields["longitude_deg"] = coordinates[0] * tables.DEGREES_PER_LONGITUDE_UNIT
        fields["latitude_deg"] = coordinates[1] * tables.DEGREES_PER_LATITUDE_UNIT
    return LongReport(
        has_fix=fix,
        shape_code=shape,
        shape=tables.SHAPES[shape],
        type5_elements=elements,
        rest_hex=rest.hex() if rest.value else "",
        **fields,
    )


def _time(reader: Reader, fields: Fields) -> None:
    kind = reader.take(2, "time data type")
    fields["time_data_type"] = kind
    if kind == 1:
        fields["time_elapsed_code"] = reader.take(2, "time elapsed")
    elif kind == 2:
        packed = reader.take(22, "time of position")
        fields["time_of_position_utc"] = TimeOfPosition(packed >> 17, packed >> 12 & 31, packed >> 6 & 63, packed & 63)
    elif kind == 3:
        raise DecodeError("reserved", "time data type 3", "time data type")


def _shape(reader: Reader, shape: int, fields: Fields) -> tuple[int, int] | None:
    if shape == 0:
        return None
    layout = _SHAPE_FIELDS.get(shape)
    if layout is None:
        raise DecodeError("reserved", f"location shape {shape}", "shape")
    coordinates = reader.signed(25, "longitude"), reader.signed(24, "latitude")
    fields["longitude_raw"], fields["latitude_raw"] = coordinates
    for name, width in layout:
        _shape_field(name, reader.take(width, name), fields)
    return coordinates


def _shape_field(name: str, code: int, fields: Fields) -> None:
    match name:
        case "altitude":
            fields["altitude_type"] = code >> 11
            fields["altitude_code"] = code & 0x7FF
            fields["altitude_m"] = tables.altitude_m(code & 0x7FF)
        case "angle" | "start_angle" | "stop_angle":
            fields[f"{name}_deg"] = code * 360.0 / 256.0
        case "horizontal_uncertainty_code" | "half_major_axis_code" | "half_minor_axis_code":
            fields[name] = code
            fields[name.removesuffix("code") + "m"] = tables.uncertainty_m(code)
        case _:
            fields[name] = code


def _velocity(reader: Reader, fields: Fields) -> None:
    kind = reader.take(3, "velocity type")
    fields["velocity_type"] = kind
    for name, width in _VELOCITY_FIELDS[kind]:
        code = reader.take(width, name)
        fields[name] = code
        if name == "horizontal_velocity_code":
            fields["speed_kmh"] = tables.SPEED_KMH[code]
        elif name == "direction_code":
            fields["direction_deg"] = code * 360.0 / 256.0


def _additional(reader: Reader, fields: Fields) -> None:
    kind, data = reader.take(1, "additional data type"), reader.take(8, "additional data")
    fields["additional_data_type"] = kind
    if kind:
        fields["user_data"] = data
    else:
        fields["reason_code"] = data
        fields["reason"] = tables.REASONS.get(data)


class LongFields(msgspec.Struct, frozen=True, kw_only=True):
    """What to put into a long report of the shape that vehicles send: circle with altitude; no coordinates, no fix."""

    longitude_deg: float | None = None
    latitude_deg: float | None = None
    uncertainty_m: float | None = None
    altitude_m: float | None = None
    speed_kmh: float | None = None
    direction_deg: float = 0.0
    time_of_position_utc: TimeOfPosition | None = None
    reason_code: int = tables.REASON_INTERVAL
    result_code: int | None = None
    status_value: int | None = None


def encode_long(fields: LongFields) -> Bits:
    """Build a long report (circle with altitude, velocity with direction), protocol identifier included."""
    writer = Writer().put(0x0A, 8).put(1, 2).put(3, 4)
    time = fields.time_of_position_utc
    if time is None:
        writer.put(1, 2).put(0 if fields.longitude_deg is not None else tables.TIME_ELAPSED_UNKNOWN, 2)
    else:
        writer.put(2, 2).put(time.day, 5).put(time.hour, 5).put(time.minute, 6).put(time.second, 6)
    writer.put(5, 4)
    fix = fields.longitude_deg is not None and fields.latitude_deg is not None
    writer.put(tables.encode_longitude(fields.longitude_deg) if fields.longitude_deg is not None and fix else 0, 25)
    writer.put(tables.encode_latitude(fields.latitude_deg) if fields.latitude_deg is not None and fix else 0, 24)
    writer.put(tables.encode_uncertainty(fields.uncertainty_m) if fix else 0, 6)
    writer.put(0, 1).put(tables.encode_altitude(fields.altitude_m), 11)
    writer.put(5, 3).put(tables.encode_speed(fields.speed_kmh), 7)
    writer.put(round(fields.direction_deg % 360.0 * 256.0 / 360.0) % 256, 8)
    writer.put(0, 1).put(0, 1).put(fields.reason_code, 8)
    if fields.result_code is not None:
        encode_element(writer, RESULT_CODE, Bits(fields.result_code, 8))
    if fields.status_value is not None:
        encode_element(writer, STATUS_VALUE, Bits(fields.status_value, 16))
    return writer.bits()
