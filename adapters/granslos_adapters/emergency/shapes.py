"""Geodetic shapes of RFC 5491 (GML and ``http://www.opengis.net/pidflo/1.0``) to one position with a radius.

A Point has an unknown radius; a Circle and a Sphere are taken as they are; an Ellipse and an Ellipsoid get their
semi-major axis; a Polygon, a Prism and an ArcBand their centroid and the radius that encloses them. Shapes are found by
local name, in whatever namespace a sender put them.
"""

import math
import re

import msgspec

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import POINTS_MAX, RADIUS_METRES_MAX
from granslos_adapters.emergency.positions import (
    Suggestion,
    destination,
    distance_metres,
    from_grid,
    in_degrees,
    judge,
    read_degrees,
    read_number,
)
from granslos_adapters.emergency.xmlsafe import Element, children, local_name, text_of

SHAPES = frozenset({"Point", "Circle", "Ellipse", "ArcBand", "Polygon", "Sphere", "Ellipsoid", "Prism"})
_FEET = {"9002": 0.3048, "9036": 1000.0}
_METRE = ("9001", "m", "metre", "meter")
_RADIANS = "9101"
_DECIMAL_COMMA = re.compile(r"^[+-]?\d{1,3},\d+$")
_LONGITUDE_FIRST = ("CRS84", "CRS:84")
_GRIDS = ("3006", "3021")
_GEODETIC = ("4326", "4979", "4258", "4619")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A shape reduced to a position.

    ``latitude`` and ``longitude`` are degrees WGS 84 as the sender wrote them, also where they cannot be true (then
    ``usable`` is false and ``suggestion`` may say what was meant). ``radius_m`` is None when unknown. ``points`` are
    the shape's own positions, as ``(latitude, longitude)``.
    """

    kind: str
    latitude: float
    longitude: float
    radius_m: float | None = None
    altitude_m: float | None = None
    points: tuple[tuple[float, float], ...] = ()
    usable: bool = True
    suggestion: Suggestion | None = None


def read_shape(element: Element, defects: Defects) -> Shape | None:
    """Read one shape element, or return None with a defect when it gives no position."""
    kind = local_name(element)
    system = element.get("srsName") or next((e.get("srsName") for e in element.iter() if e.get("srsName")), "") or ""
    points = _points(element, system, defects)
    if not points:
        defects.add("no_position", f"{kind} without readable coordinates")
        return None
    reducer = _REDUCERS.get(kind, _single)
    latitude, longitude, radius = reducer(element, points, defects)
    if radius is not None and not 0 <= radius <= RADIUS_METRES_MAX:
        defects.add("bad_radius", f"{radius} m")
        radius = None
    verdict = judge(latitude, longitude)
    if verdict.problem is not None:
        defects.add(verdict.problem, f"{latitude}, {longitude}")
    return Shape(
        kind=kind,
        latitude=latitude,
        longitude=longitude,
        radius_m=radius,
        altitude_m=points[0][2],
        points=tuple((point[0], point[1]) for point in points),
        usable=verdict.usable,
        suggestion=verdict.suggestion,
    )


_Point = tuple[float, float, float | None]
_Reduced = tuple[float, float, float | None]


def _points(element: Element, system: str, defects: Defects) -> list[_Point]:
    found: list[_Point] = []
    dimension = 3 if "4979" in system else 2
    for child in element.iter():
        name = local_name(child)
        if name == "pos" or (name in ("coordinates", "posList") and found == []):
            size = 0 if name == "pos" else int(child.get("srsDimension", "") == "3") + 2
            if name == "posList" and not child.get("srsDimension"):
                size = dimension
            found.extend(_read_pos(text_of(child), size, system, defects))
            if len(found) > POINTS_MAX:
                defects.add("too_many_points", f"more than {POINTS_MAX}")
                return found[:POINTS_MAX]
    return found


def _read_pos(text: str, size: int, system: str, defects: Defects) -> list[_Point]:
    words = _words(text, defects)
    if size and len(words) > size:
        groups = [words[i : i + size] for i in range(0, len(words) - size + 1, size)]
    else:
        groups = [words] if words else []
    points = []
    for group in groups:
        point = _read_point(group, system, defects)
        if point is not None:
            points.append(point)
    return points


def _words(text: str, defects: Defects) -> list[str]:
    words = text.split()
    if "," not in text:
        return words
    if len(words) >= 2 and all(_DECIMAL_COMMA.match(word) for word in words):
        defects.add("decimal_comma", text[:60])
        return [word.replace(",", ".") for word in words]
    defects.add("comma_in_coordinates", text[:60])
    return text.replace(",", " ").split()


def _read_point(words: list[str], system: str, defects: Defects) -> _Point | None:
    if len(words) < 2:
        defects.add("bad_coordinates", " ".join(words)[:60])
        return None
    first, second = read_degrees(words[0]), read_degrees(words[1])
    if first is None or second is None:
        defects.add("bad_coordinates", " ".join(words)[:60])
        return None
    altitude = None
    if len(words) > 2:
        altitude = read_number(words[2])
        if altitude is None or len(words) > 3:
            defects.add("extra_in_coordinates", " ".join(words)[:60])
    if not system or any(code in system for code in _GEODETIC):
        return first, second, altitude
    return _other_system(first, second, altitude, system, defects)


def _other_system(first: float, second: float, altitude: float | None, system: str, defects: Defects) -> _Point:
    if any(code in system for code in _LONGITUDE_FIRST):
        return second, first, altitude
    if any(code in system for code in _GRIDS) and not in_degrees(first, second):
        meant = from_grid(first, second)
        if meant is not None:
            if "swapped" in meant.reason:
                defects.add("axes_swapped", "grid coordinates, easting first")
            return meant.latitude, meant.longitude, altitude
    defects.add("unknown_reference_system", system[:60])
    return first, second, altitude


def _measure(element: Element, name: str, defects: Defects) -> float | None:
    """Return a child's value in metres (or degrees, for angles), or None."""
    values = [child for child in children(element) if local_name(child) == name]
    if not values:
        return None
    if len(values) > 1:
        defects.add("repeated_value", name)
    value = read_number(text_of(values[0]).replace(",", "."))
    if value is None:
        defects.add("bad_value", f"{name}: {text_of(values[0])[:40]}")
        return None
    unit = (values[0].get("uom") or "").rpartition(":")[2]
    if unit in _FEET:
        return value * _FEET[unit]
    if name in ("startAngle", "openingAngle"):
        return math.degrees(value) if unit == _RADIANS else value
    if unit and unit not in _METRE:
        defects.add("unknown_unit", f"{name}: {unit[:40]}, taken as metres")
    return value


def _single(_: Element, points: list[_Point], __: Defects) -> _Reduced:
    return points[0][0], points[0][1], None


def _circle(element: Element, points: list[_Point], defects: Defects) -> _Reduced:
    radius = _measure(element, "radius", defects)
    if radius is None:
        defects.add("no_radius", local_name(element))
    return points[0][0], points[0][1], radius


def _ellipse(element: Element, points: list[_Point], defects: Defects) -> _Reduced:
    major, minor = _measure(element, "semiMajorAxis", defects), _measure(element, "semiMinorAxis", defects)
    if major is None:
        defects.add("no_radius", local_name(element))
    elif minor is not None and minor > major:
        defects.add("axes_of_ellipse_swapped", "the minor axis is the longer one")
        major = minor
    return points[0][0], points[0][1], major


def _polygon(_: Element, points: list[_Point], defects: Defects) -> _Reduced:
    ring = [(point[0], point[1]) for point in points]
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    else:
        defects.add("ring_not_closed", f"{len(ring)} points")
    if len(ring) < 3:
        defects.add("too_few_points", f"{len(ring)} in a polygon")
    if not all(in_degrees(*point) for point in ring):
        return ring[0][0], ring[0][1], None
    latitude, longitude = _centroid(ring)
    return latitude, longitude, max(distance_metres(latitude, longitude, *point) for point in ring)


def _centroid(ring: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the centroid of the ring's area on a plane that touches its first point."""
    origin_latitude, origin_longitude = ring[0]
    scale = max(1e-6, math.cos(math.radians(origin_latitude)))
    plane = [((lon - origin_longitude + 540.0) % 360.0 - 180.0, lat - origin_latitude) for lat, lon in ring]
    area = x_sum = y_sum = 0.0
    for (x_1, y_1), (x_2, y_2) in zip(plane, plane[1:] + plane[:1], strict=True):
        cross = x_1 * scale * y_2 - x_2 * scale * y_1
        area += cross
        x_sum += (x_1 + x_2) * cross
        y_sum += (y_1 + y_2) * cross
    if abs(area) < 1e-15:  # a line or one point
        x_mean, y_mean = sum(x for x, _ in plane) / len(plane), sum(y for _, y in plane) / len(plane)
    else:
        x_mean, y_mean = x_sum / (3 * area), y_sum / (3 * area)
    longitude = (origin_longitude + x_mean + 540.0) % 360.0 - 180.0
    return max(-90.0, min(90.0, origin_latitude + y_mean)), longitude


def _arc_band(element: Element, points: list[_Point], defects: Defects) -> _Reduced:
    centre = points[0][0], points[0][1]
    inner, outer = _measure(element, "innerRadius", defects) or 0.0, _measure(element, "outerRadius", defects)
    start, opening = _measure(element, "startAngle", defects), _measure(element, "openingAngle", defects)
    if outer is None or not 0 <= outer <= RADIUS_METRES_MAX or not 0 <= inner <= outer or not in_degrees(*centre):
        defects.add("bad_radius", "arc band")
        return *centre, None
    if start is None or opening is None or abs(opening) >= 360:
        return *centre, outer
    middle = destination(*centre, start + opening / 2, (inner + outer) / 2)
    steps = max(4, math.ceil(abs(opening) / 15))
    # The chord between two samples bulges by less than this share of the outer radius.
    bulge = outer * (1 - math.cos(math.radians(abs(opening) / steps / 2)))
    corners = [
        destination(*centre, start + opening * step / steps, radius) for step in range(steps + 1) for radius in (inner, outer)
    ]
    return *middle, max(distance_metres(*middle, *corner) for corner in corners) + bulge


_REDUCERS = {
    "Point": _single,
    "Circle": _circle,
    "Sphere": _circle,
    "Ellipse": _ellipse,
    "Ellipsoid": _ellipse,
    "Polygon": _polygon,
    "Prism": _polygon,
    "ArcBand": _arc_band,
}
assert set(_REDUCERS) == SHAPES
