"""Points on the earth: which ones can be used, how far apart they are, and flat metres for geometry."""

import math

import msgspec

EARTH_METRES = 6_371_008.8
"""Mean radius (IUGG)."""
NO_FIX_DEGREES = 0.01
"""Receivers without a fix report (0, 0); nothing is dispatched to within this of it."""
_MERIDIAN_RADIANS = math.radians(15.5)
_ATANH_MAX = 1.0 - 1e-9


class Point(msgspec.Struct, frozen=True, order=True):
    """A usable place, WGS 84 degrees; make it with ``point``, which refuses what is none."""

    latitude: float
    longitude: float


def point(latitude: float | None, longitude: float | None) -> Point | None:
    """Return the point, or None where there is none: missing, not a number, out of range, or (0, 0), "no fix"."""
    if latitude is None or longitude is None:
        return None
    if not (-90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0):  # false for NaN too
        return None
    if abs(latitude) < NO_FIX_DEGREES and abs(longitude) < NO_FIX_DEGREES:
        return None
    return Point(latitude, longitude)


def distance_m(start: Point, end: Point) -> float:
    """Return the great-circle distance in metres (haversine), within 0.5 % of the ellipsoid's."""
    north = math.sin(math.radians(end.latitude - start.latitude) / 2) ** 2
    east = math.sin(math.radians(end.longitude - start.longitude) / 2) ** 2
    h = north + math.cos(math.radians(start.latitude)) * math.cos(math.radians(end.latitude)) * east
    return 2 * EARTH_METRES * math.asin(math.sqrt(min(1.0, h)))


Flat = tuple[float, float]
"""(east, north) in the metres of ``project``."""


def flat(place: Point) -> Flat:
    """Return a point in projected metres."""
    return project(place.latitude, place.longitude)


def project(latitude: float, longitude: float) -> Flat:
    """Return (east, north) metres: spherical transverse Mercator at 15.5° E, scale right within 0.7 % in Sweden.

    Lengths and shapes can be compared there, which degrees do not allow (at 60° N a degree of longitude is half as
    long). Anywhere on earth the result is finite.
    """
    lam, phi = math.radians(longitude) - _MERIDIAN_RADIANS, math.radians(latitude)
    east = math.cos(phi) * math.sin(lam)
    return (
        EARTH_METRES * math.atanh(max(-_ATANH_MAX, min(_ATANH_MAX, east))),
        EARTH_METRES * math.atan2(math.tan(phi), math.cos(lam)),
    )


def squares_around(column: int, row: int, ring: int) -> list[tuple[int, int]]:
    """Return the squares of a grid at this many steps from the middle one."""
    if ring == 0:
        return [(column, row)]
    west, east, south, north = column - ring, column + ring, row - ring, row + ring
    rows = [(x, y) for x in range(west, east + 1) for y in (south, north)]
    return rows + [(x, y) for y in range(south + 1, north) for x in (west, east)]
