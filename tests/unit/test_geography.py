"""Which county a position lies in, and which centre's area answers for it."""

import csv
import hashlib
import math
import os
import re
import time
from importlib import resources
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from granslos.contract.places import Location
from granslos.domain import geography
from granslos.domain.geography import OFFSHORE_METRES, Place, Station, load
from granslos.domain.points import distance_m, flat, point

HOME = ("03", "04", "17", "19")
FIXTURES = Path(os.environ.get("GRANSLOS_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures")) / "geo"
DATA = resources.files("granslos.domain") / "data"
any_float = st.floats(allow_nan=True, allow_infinity=True)
near_sweden = st.tuples(st.floats(54.0, 70.0), st.floats(9.0, 26.0))


def at(latitude: float | None, longitude: float | None, *, usable: bool = True) -> Location:
    return Location(latitude=latitude, longitude=longitude, usable=usable)


@pytest.mark.parametrize(
    ("name", "latitude", "longitude", "county", "municipality"),
    [
        ("Västerås", 59.6162, 16.5528, "19", "1980"),
        ("Eskilstuna", 59.3666, 16.5077, "04", "0484"),
        ("Uppsala", 59.8588, 17.6389, "03", "0380"),
        ("Karlstad", 59.3793, 13.5036, "17", "1780"),
        ("Stockholm", 59.3294, 18.0687, "01", "0180"),
        ("Örebro", 59.2741, 15.2066, "18", "1880"),
        ("Göteborg", 57.7072, 11.9668, "14", "1480"),
        ("Malmö", 55.6059, 13.0007, "12", "1280"),
        ("Kiruna", 67.8557, 20.2251, "25", "2584"),
        ("Visby", 57.6409, 18.2960, "09", "0980"),
        ("Helsingborg, which the outlines leave in the sea", 56.0468, 12.6944, "12", "1283"),
        ("Styrsö, an island that the outlines leave out", 57.6173, 11.7847, "14", "1480"),
        ("Mälaren, nearest to Södermanland", 59.48, 16.75, "04", "0486"),
        ("Vänern, far out", 59.05, 13.60, None, None),
        ("the Baltic, far out", 58.30, 19.90, None, None),
        ("Oslo", 59.9139, 10.7522, None, None),
        ("Helsingfors", 60.1699, 24.9384, None, None),
        ("no fix", 0.0, 0.0, None, None),
        ("latitude and longitude swapped", 16.5528, 59.6162, None, None),
    ],
)
def test_a_position_lies_in_its_county_and_municipality(
    name: str, latitude: float, longitude: float, county: str | None, municipality: str | None
) -> None:
    assert geography.area_of(latitude, longitude) == county, name
    assert geography.municipality_of(latitude, longitude) == municipality, name


@pytest.mark.parametrize(
    ("where", "location", "served", "answers"),
    [
        ("in a served county", at(59.6162, 16.5528), HOME, "19"),
        ("in Mälaren off Västerås", at(59.55, 16.60), HOME, "19"),
        ("in Mälaren off Torshälla", at(59.45, 16.47), HOME, "04"),
        ("in Vänern off Karlstad", at(59.30, 13.50), HOME, "17"),
        ("Oslo", at(59.9139, 10.7522), HOME, "17"),
        ("Helsingfors", at(60.1699, 24.9384), HOME, "03"),
        ("Örebro, which nobody here serves", at(59.2741, 15.2066), HOME, "19"),
        ("Kiruna, which nobody here serves", at(67.8557, 20.2251), HOME, "03"),
        ("Uppsala, while only Värmland is served", at(59.8588, 17.6389), ("17",), "17"),
        ("no location", None, HOME, "receiving"),
        ("no position", at(None, None), HOME, "receiving"),
        ("half a position", at(59.6, None), HOME, "receiving"),
        ("no fix", at(0.0, 0.0), HOME, "receiving"),
        ("a position that is not to be used", at(59.6162, 16.5528, usable=False), HOME, "receiving"),
        ("nobody serves anything", at(59.6162, 16.5528), (), "receiving"),
        ("served areas that are no counties", at(59.6162, 16.5528), ("x", "99"), "receiving"),
    ],
)
def test_some_area_always_answers(where: str, location: Location | None, served: tuple[str, ...], answers: str) -> None:
    assert geography.responsible_area(location, served, "receiving") == answers, where


def test_an_area_served_under_a_private_code_is_no_reason_to_refuse() -> None:
    assert geography.responsible_area(at(59.6162, 16.5528), ("17", "sea-rescue"), "03") == "17"


@given(any_float, any_float)
def test_no_float_makes_a_lookup_fail(latitude: float, longitude: float) -> None:
    assert geography.area_of(latitude, longitude) in {None, *load().counties}
    assert geography.municipality_of(latitude, longitude) in {None, *load().municipalities}
    assert geography.nearest_area(latitude, longitude, HOME) in {None, *HOME}
    assert geography.responsible_area(at(latitude, longitude), HOME, "19") in HOME


@given(near_sweden)
def test_a_position_always_has_a_nearest_area_and_it_is_its_own_if_served(where: tuple[float, float]) -> None:
    own, nearest = geography.area_of(*where), geography.nearest_area(*where, load().counties)
    assert nearest is not None
    if own is not None and not load().counties[own].contains(*where):
        assert own == nearest
    elif own is not None:
        assert load().counties[nearest].contains(*where)
    assert (geography.municipality_of(*where) or "")[:2] == (own or "")


def test_a_position_belongs_to_the_nearest_land_up_to_a_bound() -> None:
    metres = []
    for longitude in (step / 1_000 for step in range(18_500, 19_900)):  # east of Gotland, into the Baltic
        place = point(57.85, longitude)
        assert place is not None
        outline = load().counties["09"].projected
        metres.append(round(outline.distance(shapely.Point(flat(place)))))
        assert geography.area_of(57.85, longitude) == ("09" if metres[-1] <= OFFSHORE_METRES else None)
    assert min(metres) == 0 and max(metres) > OFFSHORE_METRES


@given(near_sweden)
@settings(max_examples=50)
def test_the_nearest_area_is_the_one_whose_outline_is_nearest_on_the_ground(where: tuple[float, float]) -> None:
    def metres_to(code: str) -> float:
        # Measured another way: along the outline by great circles, 60 steps an edge at most.
        outline = load().counties[code].outline
        if outline.intersects(shapely.Point(where[1], where[0])):
            return 0.0
        here = point(*where)
        assert here is not None
        corners = shapely.get_coordinates(shapely.segmentize(outline.boundary, 0.02))
        return min(distance_m(here, p) for x, y in corners if (p := point(y, x)) is not None)

    chosen = geography.nearest_area(*where, HOME)
    assert chosen is not None
    best = min(metres_to(code) for code in HOME)
    assert metres_to(chosen) <= best * 1.02 + 1_500  # half a step of the outline, and the projection's 0.7 %


def test_all_counties_and_municipalities_are_there_valid_and_share_their_edges() -> None:
    for areas, count in ((load().counties, 21), (load().municipalities, 290)):
        assert len(areas) == count
        outlines = [area.outline for area in areas.values()]
        assert all(shapely.is_valid(outlines))
        assert shapely.coverage_is_valid(outlines)
        assert list(areas) == sorted(areas)
    together = {c: [m.outline for m in load().municipalities.values() if m.code[:2] == c] for c in load().counties}
    for code, members in together.items():
        assert shapely.coverage_union_all(members).equals(load().counties[code].outline), code


def test_a_corner_of_several_counties_belongs_to_the_lowest_code() -> None:
    touched = 0
    for area in load().counties.values():
        for x, y in shapely.get_coordinates(area.outline)[::50]:
            holders = [code for code, other in load().counties.items() if other.contains(y, x)]
            assert area.code in holders
            assert geography.area_of(y, x) == min(holders)
            touched += len(holders) > 1
    assert touched > 5


def test_the_data_is_small_and_is_what_its_provenance_says() -> None:
    told = dict(re.findall(r"\| `([a-z.]+)` \| \d+ \| `([0-9a-f]{64})` \|", (DATA / "PROVENANCE.md").read_text("utf-8")))
    files = {file.name: file.read_bytes() for file in DATA.iterdir() if file.name != "PROVENANCE.md"}
    assert set(told) == set(files)
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == told
    assert sum(map(len, files.values())) <= 400_000


def test_places_and_stations_lie_where_they_say() -> None:
    shipped = load()
    assert len(shipped.places) > 250
    assert all(place.inhabitants >= 4_000 for place in shipped.places)
    for place in shipped.places:
        assert geography.municipality_of(place.latitude, place.longitude) == place.municipality, place
    assert {station.area for station in shipped.stations} == set(shipped.counties)
    assert len({station.id for station in shipped.stations}) == len(shipped.stations)
    assert all(station.ambulances >= 1 for station in shipped.stations)
    entries: list[Place | Station] = [*shipped.places, *shipped.stations]
    for entry in entries:
        node = shipped.roads.nodes[entry.node]
        assert (node.latitude, node.longitude) == (entry.latitude, entry.longitude)


def test_distances_are_great_circles() -> None:
    stockholm, gothenburg = point(59.3294, 18.0687), point(57.7072, 11.9668)
    assert stockholm is not None and gothenburg is not None
    assert distance_m(stockholm, stockholm) == 0.0
    # A degree of a meridian is a 360th of the circle with the mean radius.
    north, south = point(60.0, 15.0), point(59.0, 15.0)
    assert north is not None and south is not None
    assert distance_m(north, south) == pytest.approx(2 * math.pi * 6_371_008.8 / 360, rel=1e-9)
    assert distance_m(stockholm, gothenburg) == pytest.approx(397_900, rel=0.005)
    antipodes = point(-59.3294, 18.0687 - 180)
    assert antipodes is not None
    assert distance_m(stockholm, antipodes) == pytest.approx(math.pi * 6_371_008.8, rel=1e-6)


@pytest.mark.parametrize(
    "pair",
    [
        (None, 1.0),
        (1.0, None),
        (math.nan, 1.0),
        (1.0, math.inf),
        (90.1, 1.0),
        (1.0, -180.1),
        (0.0, 0.0),
        (0.009, -0.009),
    ],
)
def test_what_is_no_position_is_no_point(pair: tuple[float | None, float | None]) -> None:
    assert point(*pair) is None


def test_the_equator_and_the_zero_meridian_are_places() -> None:
    assert point(0.0, 11.0) is not None
    assert point(51.48, 0.0) is not None


def test_a_lookup_takes_microseconds() -> None:
    places = [(place.latitude, place.longitude) for place in load().places]

    def microseconds() -> float:
        begin = time.perf_counter()
        for latitude, longitude in places:
            geography.area_of(latitude, longitude)
        return (time.perf_counter() - begin) / len(places) * 1e6

    assert min(microseconds() for _ in range(10)) < 30.0  # about 4 on the box it was written on


def rows(name: str) -> list[dict[str, str]]:
    if not (FIXTURES / name).exists():
        pytest.skip(f"third-party fixtures are not here: {FIXTURES / name} (set GRANSLOS_FIXTURES)")
    with (FIXTURES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_localities_of_statistics_sweden_lie_in_their_counties_and_municipalities() -> None:
    localities = rows("localities.csv")
    assert len(localities) == 2_017
    wrong = []
    elsewhere = []
    for row in localities:
        where = float(row["lat"]), float(row["lon"])
        if geography.area_of(*where) != row["county"]:
            wrong.append(row["name"])
        if geography.municipality_of(*where) != row["municipality"]:
            elsewhere.append(row["name"])
    assert len(wrong) <= 0.003 * len(localities), wrong
    assert len(elsewhere) <= 0.02 * len(localities), elsewhere


def test_hospitals_lie_in_their_counties() -> None:
    for row in rows("hospitals.csv"):
        assert geography.responsible_area(at(float(row["lat"]), float(row["lon"])), load().counties, "") == row["county"], row


def test_outlines_agree_with_another_copy_of_the_same_source() -> None:
    if not (FIXTURES / "counties.geojson").exists():
        pytest.skip(f"third-party fixtures are not here: {FIXTURES / 'counties.geojson'} (set GRANSLOS_FIXTURES)")
    others = shapely.get_parts(shapely.from_geojson((FIXTURES / "counties.geojson").read_text(encoding="utf-8")))
    assert len(others) == 21
    for other in others:
        own = max((a.outline for a in load().counties.values()), key=lambda outline: outline.intersection(other).area)
        assert own.symmetric_difference(other).area < 0.01 * other.area
