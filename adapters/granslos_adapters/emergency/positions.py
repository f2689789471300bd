"""Coordinates: which system they are in, whether they can be true, and what the sender may have meant.

A position is never silently corrected: a doubtful one is kept as it came, marked not usable, a suggestion beside it.
Bounds of the Swedish systems: Lantmäteriet, SWEREF 99 TM (EPSG:3006) and RT 90 2.5 gon V (EPSG:3021).
"""

import functools
import math
import re

import msgspec
from pyproj import Transformer

PLAUSIBLE_LATITUDES = (54.0, 72.0)
PLAUSIBLE_LONGITUDES = (3.0, 33.0)
"""Sweden and its neighbours, degrees."""
EUROPE = (34.0, 72.0, -25.0, 45.0)
"""South, north, west and east, degrees: cars from abroad may not know where they are, but hardly the wrong ocean."""
NORTHINGS = (6_100_000.0, 7_700_000.0)
SWEREF_EASTINGS = (200_000.0, 950_000.0)
RT90_EASTINGS = (1_200_000.0, 1_900_000.0)
"""Metres. The eastings of the two systems do not overlap, and neither overlaps a northing, so order and system show."""
NULL_ISLAND_DEGREES = 0.01
EARTH_RADIUS_METRES = 6_371_008.8

_SWEREF99TM = 3006
_RT90 = 3021
_DEGREES_MINUTES = re.compile(r"^([NS])?(\d{1,3})[:° ](\d{1,2}(?:\.\d+)?)(?:[:' ](\d{1,2}(?:\.\d+)?))?[\"']*\s*([NSEW])?$")
_COMPACT = re.compile(r"^N(\d{2})(\d{4})E(\d{3})(\d{4})$")


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sender may have meant, and why; never used without a person."""

    latitude: float
    longitude: float
    reason: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a position may be routed on; ``problem`` is a defect's code."""

    usable: bool
    problem: str | None = None
    suggestion: Suggestion | None = None


_GOOD = Verdict(usable=True)


def plausible(latitude: float, longitude: float) -> bool:
    """Return whether the position lies in Sweden or close to it."""
    return (
        PLAUSIBLE_LATITUDES[0] <= latitude <= PLAUSIBLE_LATITUDES[1]
        and PLAUSIBLE_LONGITUDES[0] <= longitude <= PLAUSIBLE_LONGITUDES[1]
    )


def in_europe(latitude: float, longitude: float) -> bool:
    """Return whether the position lies in or around Europe."""
    return EUROPE[0] <= latitude <= EUROPE[1] and EUROPE[2] <= longitude <= EUROPE[3]


def judge(latitude: float, longitude: float) -> Verdict:
    """Judge a WGS 84 position in degrees."""
    if plausible(latitude, longitude):
        return _GOOD
    if abs(latitude) < NULL_ISLAND_DEGREES and abs(longitude) < NULL_ISLAND_DEGREES:
        return Verdict(usable=False, problem="position_null")
    in_range = in_degrees(latitude, longitude)
    elsewhere = in_europe(longitude, latitude) and not in_europe(latitude, longitude)
    problem = "position_implausible" if in_range else "position_out_of_range"
    if plausible(longitude, latitude) or elsewhere:
        swapped = Suggestion(latitude=longitude, longitude=latitude, reason="axes swapped")
        return Verdict(usable=False, problem=problem, suggestion=swapped)
    projected = None if in_range else from_grid(latitude, longitude)
    if projected is not None:
        return Verdict(usable=False, problem=problem, suggestion=projected)
    return Verdict(usable=False, problem=problem)


def in_degrees(latitude: float, longitude: float) -> bool:
    """Return whether the numbers can be degrees of latitude and longitude at all."""
    return -90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0


def from_grid(first: float, second: float) -> Suggestion | None:
    """Read two numbers in metres as SWEREF 99 TM or RT 90, whichever and in whichever order they can be.

    Returns:
        The WGS 84 position and how it was read, or None when the numbers fit neither system.
    """
    for northing, easting, order in ((first, second, ""), (second, first, ", axes swapped")):
        if not NORTHINGS[0] <= northing <= NORTHINGS[1]:
            continue
        for name, code, (low, high) in (
            ("SWEREF 99 TM", _SWEREF99TM, SWEREF_EASTINGS),
            ("RT 90", _RT90, RT90_EASTINGS),
        ):
            if low <= easting <= high:
                latitude, longitude = to_wgs84(code, northing, easting)
                if plausible(latitude, longitude):
                    return Suggestion(latitude=latitude, longitude=longitude, reason=name + order)
    return None


def to_wgs84(epsg: int, northing: float, easting: float) -> tuple[float, float]:
    """Return latitude and longitude in degrees of grid coordinates in metres; infinite where undefined."""
    longitude, latitude = _transformer(epsg).transform(easting, northing)
    return float(latitude), float(longitude)


@functools.cache
def _transformer(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, 4326, always_xy=True)


def read_degrees(text: str) -> float | None:
    """Read one angle written as decimal degrees or with minutes and seconds (``37:46:30N``); None if it is neither."""
    number = read_number(text)
    if number is not None:
        return number
    match = _DEGREES_MINUTES.match(text.strip())
    if match is None:
        return None
    minutes, seconds = float(match[3]), float(match[4] or 0)
    if minutes >= 60 or seconds >= 60:
        return None
    value = float(match[2]) + minutes / 60 + seconds / 3600
    return -value if (match[5] or match[1]) in ("S", "W") else value


def read_sos_access(text: str) -> tuple[float, float] | None:
    """Read SOS Access' ``NDDMMmmEDDDMMmm``; where the minutes cannot be minutes they are decimals of a degree.

    The protocol's own example ``N597295E0176288`` is 59.7295, 17.6288.
    """
    match = _COMPACT.match(text.strip())
    if match is None:
        return None
    if int(match[2]) >= 6000 or int(match[4]) >= 6000:
        return int(match[1]) + int(match[2]) / 10_000, int(match[3]) + int(match[4]) / 10_000
    return int(match[1]) + int(match[2]) / 6_000, int(match[3]) + int(match[4]) / 6_000


_NUMBER = re.compile(r"^[+-]?(?:\d{1,20}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?$", re.ASCII)


def read_number(text: str) -> float | None:
    """Read a finite decimal number with a point; None if it is anything else."""
    text = text.strip()
    if text[:1] == "−":
        text = "-" + text[1:]
    if _NUMBER.match(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def distance_metres(latitude_1: float, longitude_1: float, latitude_2: float, longitude_2: float) -> float:
    """Return the great-circle distance in metres (haversine, mean earth radius)."""
    phi_1, phi_2 = math.radians(latitude_1), math.radians(latitude_2)
    half = math.sin((phi_2 - phi_1) / 2) ** 2
    half += math.cos(phi_1) * math.cos(phi_2) * math.sin(math.radians(longitude_2 - longitude_1) / 2) ** 2
    return 2 * EARTH_RADIUS_METRES * math.asin(math.sqrt(min(1.0, half)))


def destination(latitude: float, longitude: float, bearing_degrees: float, metres: float) -> tuple[float, float]:
    """Return the position so many metres away in a direction (degrees clockwise from north)."""
    angle, bearing, phi = metres / EARTH_RADIUS_METRES, math.radians(bearing_degrees), math.radians(latitude)
    sine = math.sin(phi) * math.cos(angle) + math.cos(phi) * math.sin(angle) * math.cos(bearing)
    reached = math.asin(max(-1.0, min(1.0, sine)))
    turned = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(phi), math.cos(angle) - math.sin(phi) * math.sin(reached)
    )
    return math.degrees(reached), (longitude + math.degrees(turned) + 540.0) % 360.0 - 180.0
