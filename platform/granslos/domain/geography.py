"""Where a call comes from: counties, municipalities, places, and which area answers for a position.

Pure after ``load``, which reads the data shipped beside this module (``data/PROVENANCE.md``) once.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import shapely  # type: ignore[import-untyped] # because shapely ships no types

from granslos.contract.places import Location
from granslos.domain.points import Point, distance_m, point, project
from granslos.domain.roads import Roads

__all__ = [
    "Area",
    "Geography",
    "Place",
    "Point",
    "Station",
    "area_of",
    "distance_m",
    "load",
    "municipality_of",
    "nearest_area",
    "point",
    "responsible_area",
    "travel_time_s",
]

OFFSHORE_METRES = 10_000
"""How far beyond an outline a position still belongs to it, where nothing else holds it (metres): the outlines are so
coarse that they leave islands and even the middle of coastal towns in the water."""

_Ring = list[tuple[float, float]]


class _Properties(msgspec.Struct, frozen=True):
    code: str
    name: str


class _Geometry(msgspec.Struct, frozen=True):
    coordinates: list[list[_Ring]]


class _Feature(msgspec.Struct, frozen=True):
    properties: _Properties
    geometry: _Geometry


class _Features(msgspec.Struct, frozen=True):
    features: list[_Feature]


class _Roads(msgspec.Struct, frozen=True):
    nodes: list[list[float]]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place of at least 4 000 inhabitants (GeoNames), its municipality's SCB code and its row in the road graph."""

    name: str
    latitude: float
    longitude: float
    municipality: str
    inhabitants: int
    node: int


class Station(msgspec.Struct, frozen=True, array_like=True):
    """An invented ambulance station at a real place, with how many units of a kind stand there."""

    id: str
    name: str
    area: str
    latitude: float
    longitude: float
    node: int
    ambulances: int
    transport_ambulances: int
    doctor_cars: int


class _Places(msgspec.Struct, frozen=True):
    places: list[Place]


class _Stations(msgspec.Struct, frozen=True):
    stations: list[Station]


class Area:
    """A county or municipality: code, name, outline in degrees."""

    def __init__(self, feature: _Feature) -> None:
        """Build and prepare the outline."""
        self.code = feature.properties.code
        self.name = feature.properties.name
        polygons = feature.geometry.coordinates
        self.outline: Any = shapely.MultiPolygon([(rings[0], rings[1:]) for rings in polygons])
        shapely.prepare(self.outline)
        self._bounds: tuple[float, float, float, float] = self.outline.bounds
        self.projected: Any = shapely.MultiPolygon(
            [(_projected(rings[0]), [_projected(hole) for hole in rings[1:]]) for rings in polygons]
        )
        """The outline in the metres of ``points.project``."""

    def contains(self, latitude: float, longitude: float) -> bool:
        """Tell whether a point is inside or on the edge."""
        west, south, east, north = self._bounds
        if not (south <= latitude <= north and west <= longitude <= east):
            return False
        return bool(shapely.intersects_xy(self.outline, longitude, latitude))


class Geography:
    """The shipped geography. Immutable; every answer depends on the arguments alone."""

    def __init__(self, counties: Sequence[Area], municipalities: Sequence[Area], roads: Roads) -> None:
        """Take areas sorted by code, so that a point on an edge belongs to the lower one everywhere."""
        self.counties = {area.code: area for area in counties}
        self.municipalities = {area.code: area for area in municipalities}
        self._municipalities_of: dict[str, list[Area]] = {code: [] for code in self.counties}
        for area in municipalities:
            self._municipalities_of[area.code[:2]].append(area)
        self.roads = roads
        self.places: tuple[Place, ...] = ()
        self.stations: tuple[Station, ...] = ()

    def area_of(self, latitude: float, longitude: float) -> str | None:
        """Return the county code (SCB, ``"19"``): of the land, or of the nearest land within ``OFFSHORE_METRES``.

        None further out at sea or in a large lake, abroad, and for what is no position.
        """
        return _holder(self.counties.values(), latitude, longitude)

    def municipality_of(self, latitude: float, longitude: float) -> str | None:
        """Return the municipality code (SCB, ``"1980"``) within the county of ``area_of``, None where that is None."""
        county = self.area_of(latitude, longitude)
        return _holder(self._municipalities_of[county], latitude, longitude) if county else None

    def nearest_area(self, latitude: float, longitude: float, served: Collection[str]) -> str | None:
        """Return the served county nearest to a position: by whole metres to its outline, ties to the lower code.

        None when there is no usable position, or none of ``served`` is a county.
        """
        place = point(latitude, longitude)
        codes = sorted(code for code in set(served) if code in self.counties)
        if place is None or not codes:
            return None
        here = shapely.Point(project(place.latitude, place.longitude))
        return _nearest([self.counties[code] for code in codes], here)[1]

    def responsible_area(self, location: Location | None, served: Collection[str], receiving: str | None) -> str | None:
        """Return the area whose centre answers; never refuses (None only where ``receiving`` is).

        The county of the position; in a lake, abroad or in a county nobody here serves the nearest served one;
        without a usable position ``receiving``, the area of the centre that got the call.
        """
        if location is None or not location.usable or location.latitude is None or location.longitude is None:
            return receiving
        area = self.area_of(location.latitude, location.longitude)
        if area is not None and area in served:
            return area
        return self.nearest_area(location.latitude, location.longitude, served) or receiving

    def travel_time_s(self, start: Point, end: Point) -> int:
        """Return whole driving seconds with lights and sirens, see ``Roads.travel_time_s``."""
        return self.roads.travel_time_s(start, end)

    def nodes_in(self, areas: Collection[str]) -> Iterator[int]:
        """Yield the graph's nodes in these counties: what a node of the platform warms up at start."""
        for node, place in enumerate(self.roads.nodes):
            if self.area_of(place.latitude, place.longitude) in areas:
                yield node


def _holder(areas: Collection[Area], latitude: float, longitude: float) -> str | None:
    """Return the code of the area that holds a position, or of the nearest one within OFFSHORE_METRES."""
    for area in areas:
        if area.contains(latitude, longitude):
            return area.code
    place = point(latitude, longitude)
    if place is None:
        return None
    metres, code = _nearest(areas, shapely.Point(project(place.latitude, place.longitude)))
    return code if metres <= OFFSHORE_METRES else None


def _nearest(areas: Collection[Area], here: Any) -> tuple[int, str]:
    """Return (whole metres, code) of the area nearest to a projected point, of equals the lower code."""
    metres = shapely.distance([area.projected for area in areas], here)
    return min((round(float(away)), area.code) for away, area in zip(metres, areas, strict=True))


def _projected(ring: _Ring) -> _Ring:
    return [project(latitude, longitude) for longitude, latitude in ring]


def _read(name: str) -> bytes:
    return (resources.files("granslos.domain") / "data" / name).read_bytes()


def _areas(name: str) -> list[Area]:
    features = msgspec.json.decode(_read(name), type=_Features).features
    return sorted((Area(feature) for feature in features), key=lambda area: area.code)


@cache
def load() -> Geography:
    """Read the shipped data, once a process; about 0.2 s. Raises on a missing or broken file: then do not start."""
    counties = _areas("counties.geojson")
    rows = msgspec.json.decode(_read("roads.json"), type=_Roads).nodes
    roads = Roads(rows, [area.projected for area in counties])
    geography = Geography(counties, _areas("municipalities.geojson"), roads)
    geography.places = tuple(msgspec.json.decode(_read("places.json"), type=_Places).places)
    geography.stations = tuple(msgspec.json.decode(_read("stations.json"), type=_Stations).stations)
    return geography


def area_of(latitude: float, longitude: float) -> str | None:
    """Return the county of a position in the shipped geography, see ``Geography.area_of``."""
    return load().area_of(latitude, longitude)


def municipality_of(latitude: float, longitude: float) -> str | None:
    """Return the municipality of a position in the shipped geography, see ``Geography.municipality_of``."""
    return load().municipality_of(latitude, longitude)


def nearest_area(latitude: float, longitude: float, served: Collection[str]) -> str | None:
    """Return the served county nearest to a position in the shipped geography, see ``Geography.nearest_area``."""
    return load().nearest_area(latitude, longitude, served)


def responsible_area(location: Location | None, served: Collection[str], receiving: str | None) -> str | None:
    """Return the area whose centre answers for a position, see ``Geography.responsible_area``."""
    return load().responsible_area(location, served, receiving)


def travel_time_s(start: Point, end: Point) -> int:
    """Return driving seconds in the shipped geography, see ``Roads.travel_time_s``."""
    return load().travel_time_s(start, end)
