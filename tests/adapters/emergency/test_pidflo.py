"""PIDF-LO: every shape gives its position, every known defect is said, nothing doubtful is used."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.limits import LOCATIONS_MAX, POINTS_MAX
from granslos_adapters.emergency.pidflo import PidfLo, read_pidflo
from granslos_adapters.emergency.positions import destination, distance_metres
from support.vectors import expected_112, files_112, fuzz, mutated, read_112

POSITION = "59.61340 16.54470"


def document(info: str, container: str = "device", extra: str = "") -> str:
    inner = f"<gp:geopriv><gp:location-info>{info}</gp:location-info>{extra}</gp:geopriv>"
    if container == "tuple":
        inner = f"<status>{inner}</status>"
    name = container if container == "tuple" else f"dm:{container}"
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        ' xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml"'
        ' xmlns:gs="http://www.opengis.net/pidflo/1.0" xmlns:con="urn:ietf:params:xml:ns:geopriv:conf"'
        ' xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"'
        f' entity="pres:a@example.org"><{name} id="d">{inner}<timestamp>2026-01-15T10:11:12Z</timestamp></{name}></presence>'
    )


def circle(position: str = POSITION, radius: str = "25", srs: str = "urn:ogc:def:crs:EPSG::4326") -> str:
    uom = 'uom="urn:ogc:def:uom:EPSG::9001"'
    return f'<gs:Circle srsName="{srs}"><gml:pos>{position}</gml:pos><gs:radius {uom}>{radius}</gs:radius></gs:Circle>'


def read(data: bytes | str) -> tuple[PidfLo, list[str]]:
    defects = Defects()
    found = read_pidflo(data, defects)
    return found, [defect.code for defect in defects.all()]


@pytest.mark.parametrize("name", files_112("pidf-lo"))
def test_third_party_documents(name: str) -> None:
    expect = expected_112(name)
    found, _ = read(read_112(name))
    assert found.well_formed == expect["xml_wellformed"]
    positions = [location.shape for location in found.locations if location.shape is not None]
    if "first_pos_lat_lon" in expect:
        assert positions[0].points[0] == pytest.approx(tuple(expect["first_pos_lat_lon"]), abs=1e-9)
    kinds = {location.shape.kind for location in found.locations if location.shape}
    kinds |= {"civicAddress" for location in found.locations if location.civic}
    if "first_radius" in expect and positions:
        radii = [shape.radius_m for shape in positions if shape.radius_m is not None]
        assert radii[0] == pytest.approx(float(expect["first_radius"]))
    assert kinds <= set(expect["shapes"])
    assert all(not shape.usable for shape in positions), "none of them lies in Sweden: none may be routed on"


def test_a_circle_in_sweden_is_usable() -> None:
    found, codes = read(document(circle() + "<con:confidence>68</con:confidence>", extra="<gp:method>GPS</gp:method>"))
    best = found.best
    assert best is not None
    assert best.shape is not None
    assert (best.shape.latitude, best.shape.longitude, best.shape.radius_m) == (59.6134, 16.5447, 25.0)
    assert (best.usable, best.method, best.confidence_percent, best.container) == (True, "GPS", 68.0, "device")
    assert best.observed_at is not None
    assert best.observed_at.isoformat() == "2026-01-15T10:11:12+00:00"
    assert (found.entity, codes) == ("pres:a@example.org", [])


def test_a_point_has_an_unknown_radius() -> None:
    found, codes = read(document(f"<gml:Point><gml:pos>{POSITION} 12.5</gml:pos></gml:Point>"))
    shape = found.locations[0].shape
    assert shape is not None
    assert (shape.radius_m, shape.altitude_m, codes) == (None, 12.5, [])


def ring(latitude: float, longitude: float, metres: float, corners: int) -> str:
    points = [destination(latitude, longitude, 360 * n / corners, metres) for n in range(corners)]
    return " ".join(f"<gml:pos>{lat:.9f} {lon:.9f}</gml:pos>" for lat, lon in (*points, points[0]))


def outlined(positions: str) -> str:
    return f"<gml:Polygon><gml:exterior><gml:LinearRing>{positions}</gml:LinearRing></gml:exterior></gml:Polygon>"


@pytest.mark.parametrize("corners", [3, 4, 6, 24])
def test_a_regular_polygon_gives_its_middle_and_the_enclosing_radius(corners: int) -> None:
    polygon = outlined(ring(59.6, 16.5, 500, corners))
    found, codes = read(document(polygon))
    shape = found.locations[0].shape
    assert shape is not None
    assert distance_metres(59.6, 16.5, shape.latitude, shape.longitude) < 1
    assert shape.radius_m == pytest.approx(500, abs=1)
    assert (len(shape.points), codes) == (corners + 1, [])


def test_a_pos_list_is_read_in_pairs_and_a_prism_in_triples() -> None:
    flat = outlined("<gml:posList>59 16 59.1 16 59.1 16.1 59 16.1 59 16</gml:posList>")
    found, codes = read(document(flat))
    shape = found.locations[0].shape
    assert shape is not None
    assert (shape.latitude, shape.longitude) == pytest.approx((59.05, 16.05), abs=1e-6)
    assert codes == []
    tall = flat.replace(">59 16 59.1 16 59.1 16.1 59 16.1 59 16<", ">59 16 9 59.1 16 9 59.1 16.1 9 59 16.1 9 59 16 9<")
    height = '<gs:height uom="urn:ogc:def:uom:EPSG::9001">4</gs:height>'
    prism = f'<gs:Prism srsName="urn:ogc:def:crs:EPSG::4979"><gs:base>{tall}</gs:base>{height}</gs:Prism>'
    found, codes = read(document(prism))
    shape = found.locations[0].shape
    assert shape is not None
    assert (shape.kind, shape.altitude_m, codes) == ("Prism", 9.0, [])
    assert (shape.latitude, shape.longitude) == pytest.approx((59.05, 16.05), abs=1e-6)


def test_an_ellipse_and_an_ellipsoid_give_their_longer_axis() -> None:
    for kind, more in (("Ellipse", ""), ("Ellipsoid", "<gs:verticalAxis>28</gs:verticalAxis>")):
        axes = "<gs:semiMajorAxis>77</gs:semiMajorAxis><gs:semiMinorAxis>55</gs:semiMinorAxis>"
        shape_text = f"<gs:{kind}><gml:pos>{POSITION} 7</gml:pos>{axes}{more}</gs:{kind}>"
        found, codes = read(document(shape_text))
        shape = found.locations[0].shape
        assert shape is not None
        assert (shape.radius_m, codes) == (77.0, [])


@pytest.mark.parametrize(("start", "opening"), [(20, 20), (266, 120), (10, 350)])
def test_an_arc_band_is_enclosed_by_its_circle(start: float, opening: float) -> None:
    band = (
        f"<gs:ArcBand><gml:pos>{POSITION}</gml:pos><gs:innerRadius>3594</gs:innerRadius><gs:outerRadius>4148</gs:outerRadius>"
        f"<gs:startAngle>{start}</gs:startAngle><gs:openingAngle>{opening}</gs:openingAngle></gs:ArcBand>"
    )
    found, codes = read(document(band))
    shape = found.locations[0].shape
    assert shape is not None
    assert codes == []
    assert shape.radius_m is not None
    for step in range(101):
        for radius in (3594, 4148):
            point = destination(59.6134, 16.5447, start + opening * step / 100, radius)
            assert distance_metres(shape.latitude, shape.longitude, *point) <= shape.radius_m + 1


def test_a_whole_arc_band_is_a_circle() -> None:
    radii = "<gs:innerRadius>0</gs:innerRadius><gs:outerRadius>4148</gs:outerRadius>"
    band = f"<gs:ArcBand><gml:pos>{POSITION}</gml:pos>{radii}</gs:ArcBand>"
    shape = read(document(band))[0].locations[0].shape
    assert shape is not None
    assert (shape.latitude, shape.radius_m) == (59.6134, 4148.0)


@pytest.mark.parametrize(
    ("info", "defect", "latitude", "usable"),
    [
        (circle("0 0"), "position_null", 0.0, False),
        (circle("16.5447 59.6134"), "position_implausible", 16.5447, False),
        (circle("95.0 16.0"), "position_out_of_range", 95.0, False),
        (circle("59.6134, 16.5447"), "comma_in_coordinates", 59.6134, True),
        (circle("59.6134,16.5447"), "comma_in_coordinates", 59.6134, True),
        (circle("59,6134 16,5447"), "decimal_comma", 59.6134, True),
        (circle("59.6134 16.5447 xxxx"), "extra_in_coordinates", 59.6134, True),
        (circle(radius="-5"), "bad_radius", 59.6134, True),
        (circle(radius="99999999"), "bad_radius", 59.6134, True),
        (circle(radius="wide"), "bad_value", 59.6134, True),
        (circle(srs="urn:ogc:def:crs:EPSG::2154"), "unknown_reference_system", 59.6134, True),
        (circle().replace("EPSG::9001", "EPSG::4711"), "unknown_unit", 59.6134, True),
        (circle().replace("gs:", ""), None, 59.6134, True),
        (circle().replace("gs:Circle", "gml:Circle"), None, 59.6134, True),
        (circle(radius="\n   25\n"), None, 59.6134, True),
        (circle().replace("</gs:radius>", "</gs:radius><gs:radius>99</gs:radius>"), "repeated_value", 59.6134, True),
        ("<gs:Circle><gs:radius>24</gs:radius></gs:Circle>", "no_position", None, False),
        (circle("59.6134"), "bad_coordinates", None, False),
        (circle("nan nan"), "bad_coordinates", None, False),
        ("", "location_empty", None, False),
        ("<gml:Point><gml:coordinates>59:36:48N 16:32:41E</gml:coordinates></gml:Point>", None, 59.0 + 36.8 / 60, True),
        (circle("6609000 587000", srs="urn:ogc:def:crs:EPSG::3006"), None, 59.6, True),
        (circle("587000 6609000", srs="urn:ogc:def:crs:EPSG::3006"), "axes_swapped", 59.6, True),
        (circle("16.5447 59.6134", srs="urn:ogc:def:crs:OGC:1.3:CRS84"), None, 59.6134, True),
    ],
)
def test_defects(info: str, defect: str | None, latitude: float | None, usable: bool) -> None:
    found, codes = read(document(info))
    assert (defect in codes) if defect else codes == []
    shapes = [location.shape for location in found.locations if location.shape]
    if latitude is None:
        assert shapes == []
    else:
        assert shapes[0].latitude == pytest.approx(latitude, abs=0.02)
        assert shapes[0].usable is usable


def test_swapped_axes_are_offered_and_not_used() -> None:
    shape = read(document(circle("16.5447 59.6134")))[0].locations[0].shape
    assert shape is not None
    assert shape.suggestion is not None
    assert (shape.latitude, shape.suggestion.latitude, shape.suggestion.longitude) == (16.5447, 59.6134, 16.5447)


def test_feet_are_feet() -> None:
    shape = read(document(circle(radius="100").replace("9001", "9002")))[0].locations[0].shape
    assert shape is not None
    assert shape.radius_m == pytest.approx(30.48)


def test_all_locations_are_kept_and_a_usable_device_is_shown_first() -> None:
    person = document(circle("59.1 16.1"), "person")
    device = document(circle("0 0"))
    both = document(circle("59.2 16.2"), "tuple").replace("</presence>", "")
    for one in (person, device):
        start = one.index("<dm:")
        both += one[start:].replace("</presence>", "")
    found, _ = read(both + "</presence>")
    assert [location.container for location in found.locations] == ["tuple", "person", "device"]
    assert [location.container for location in found.ranked()] == ["tuple", "person", "device"]
    swapped, _ = read((both + "</presence>").replace("0 0", "59.3 16.3"))
    assert [location.container for location in swapped.ranked()] == ["device", "tuple", "person"]


def test_a_swedish_address_reads_as_one() -> None:
    address = "".join(
        f"<ca:{name}>{value}</ca:{name}>"
        for name, value in (
            ("country", "SE"),
            ("A1", "Västmanlands län"),
            ("A2", "Västerås"),
            ("A3", "Skultuna"),
            ("RD", "Bruksgatan"),
            ("HNO", "12"),
            ("HNS", "B"),
            ("FLR", "3"),
            ("PC", "726 30"),
            ("LMK", "Bruket"),
        )
    )
    civic = read(document(f'<ca:civicAddress xml:lang="sv">{address}</ca:civicAddress>'))[0].locations[0].civic
    assert civic is not None
    assert civic.text == "Bruksgatan 12 B, vån 3, Bruket, 726 30 Skultuna, Västerås, Västmanlands län, SE"
    assert (civic.language, len(civic.elements)) == ("sv", 10)


def test_unknown_elements_are_kept() -> None:
    found, _ = read(document(circle() + "<x:new xmlns:x='urn:x'>kept</x:new>"))
    assert "kept" in found.kept[0]


def test_counts_are_bounded() -> None:
    many = document(circle() * (LOCATIONS_MAX + 3))
    found, codes = read(many)
    assert len(found.locations) == LOCATIONS_MAX
    assert "too_many_locations" in codes
    points = "<gml:pos>59 16</gml:pos>" * (POINTS_MAX + 5)
    found, codes = read(document(f"<gml:Polygon>{points}</gml:Polygon>"))
    shape = found.locations[0].shape
    assert shape is not None
    assert len(shape.points) == POINTS_MAX
    assert "too_many_points" in codes


def test_a_cut_document_never_gives_another_position() -> None:
    whole = document(circle()).encode()
    for cut in range(len(whole)):
        found, codes = read(whole[:cut])
        assert codes, "a cut document has a defect"
        for location in found.locations:
            assert location.shape is None or (location.shape.latitude, location.shape.longitude) == (59.6134, 16.5447)
            assert location.shape is None or location.shape.radius_m in (25.0, None)


ORIGINALS = (
    document(circle()).encode(),
    document(f"<gml:Polygon>{ring(59.6, 16.5, 500, 5)}</gml:Polygon>", "tuple").encode(),
    document(f"<gs:ArcBand><gml:pos>{POSITION}</gml:pos><gs:outerRadius>9</gs:outerRadius></gs:ArcBand>", "person").encode(),
)


@given(mutated(ORIGINALS))
@fuzz(400)
def test_mutations_leave_defects_or_sound_positions(data: bytes) -> None:
    found, _ = read(data)
    for location in found.locations:
        if location.shape is not None:
            assert math.isfinite(location.shape.latitude)
            assert math.isfinite(location.shape.longitude)
            assert location.shape.radius_m is None or 0 <= location.shape.radius_m <= 1_000_000
            assert not location.shape.usable or (54 <= location.shape.latitude <= 72)


@given(st.binary(max_size=300) | st.text(max_size=300))
@fuzz(200)
def test_anything_is_read_without_raising(data: bytes | str) -> None:
    read(data)
