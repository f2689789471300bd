"""Coordinates: systems, plausibility, and what is never silently corrected."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.emergency.positions import (
    destination,
    distance_metres,
    from_grid,
    judge,
    read_degrees,
    read_number,
    read_sos_access,
    to_wgs84,
)
from support.vectors import fuzz, read_112


@pytest.mark.parametrize(
    ("latitude", "longitude", "usable", "problem", "suggestion"),
    [
        (59.61, 16.54, True, None, None),
        (54.0, 3.0, True, None, None),
        (0.0, 0.0, False, "position_null", None),
        (0.009, -0.009, False, "position_null", None),
        (34.2, -118.8, False, "position_implausible", None),
        (16.54, 59.61, False, "position_implausible", (59.61, 16.54)),
        (91.0, 16.0, False, "position_out_of_range", None),
        (6_580_822.0, 674_032.0, False, "position_out_of_range", (59.33, 18.06)),
        (674_032.0, 6_580_822.0, False, "position_out_of_range", (59.33, 18.06)),
    ],
)
def test_a_position_is_judged_and_never_changed(
    latitude: float, longitude: float, usable: bool, problem: str | None, suggestion: tuple[float, float] | None
) -> None:
    verdict = judge(latitude, longitude)
    assert (verdict.usable, verdict.problem) == (usable, problem)
    if suggestion is None:
        assert verdict.suggestion is None
    else:
        assert verdict.suggestion is not None
        assert (verdict.suggestion.latitude, verdict.suggestion.longitude) == pytest.approx(suggestion, abs=0.01)


def test_the_grid_agrees_with_others_within_a_millimetre() -> None:
    text = read_112("coords/sweref99tm-wgs84.csv").decode()
    rows = list(csv.reader(io.StringIO(text), delimiter="|"))[1:]
    assert len(rows) >= 12
    for row in rows:
        longitude, latitude, northing, easting = float(row[1]), float(row[2]), float(row[5]), float(row[4])
        if row[3] != "3006":
            continue
        found = to_wgs84(3006, northing, easting)
        assert distance_metres(latitude, longitude, *found) < 0.001


def meridian_arc_metres(latitude: float) -> float:
    """Length of the meridian of GRS 80 from the equator, by Simpson's rule."""
    a, e2 = 6_378_137.0, 0.006_694_380_022_9
    steps, top = 2000, math.radians(latitude)

    def curvature(phi: float) -> float:
        return a * (1 - e2) / (1 - e2 * math.sin(phi) ** 2) ** 1.5

    inner = sum((4 if n % 2 else 2) * curvature(top * n / steps) for n in range(1, steps))
    return (curvature(0) + inner + curvature(top)) * top / steps / 3


@pytest.mark.parametrize("latitude", [55.0, 59.61, 68.0])
def test_sweref_by_its_definition(latitude: float) -> None:
    """On the central meridian (15 E, false easting 500 000 m) the northing is 0.9996 of the meridian's arc."""
    found = to_wgs84(3006, 0.9996 * meridian_arc_metres(latitude), 500_000.0)
    assert found == pytest.approx((latitude, 15.0), abs=1e-8)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (6_580_822.0, 674_032.0, "SWEREF 99 TM"),
        (674_032.0, 6_580_822.0, "SWEREF 99 TM, axes swapped"),
        (6_580_994.0, 1_628_293.0, "RT 90"),
        (1_628_293.0, 6_580_994.0, "RT 90, axes swapped"),
    ],
)
def test_the_grid_and_its_order_show_by_the_ranges(first: float, second: float, reason: str) -> None:
    meant = from_grid(first, second)
    assert meant is not None
    assert meant.reason == reason
    assert (meant.latitude, meant.longitude) == pytest.approx((59.33, 18.06), abs=0.02)


@pytest.mark.parametrize(("first", "second"), [(1.0, 2.0), (6_580_822.0, 6_580_822.0), (5_000_000.0, 674_032.0)])
def test_numbers_of_no_grid_give_nothing(first: float, second: float) -> None:
    assert from_grid(first, second) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("59.3717", 59.3717),
        ("+59.3717", 59.3717),
        ("-73.25", -73.25),
        ("−73.25", -73.25),
        ("37:46:30N", 37.775),
        ("122:25:10W", -(122 + 25 / 60 + 10 / 3600)),
        ("59° 22.5", None),
        ("59°22.5'N", 59.375),
        ("S33:30", -33.5),
        ("59:61:00N", None),
        ("xxxx", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("٥٩", None),
        ("", None),
    ],
)
def test_angles_as_written(text: str, value: float | None) -> None:
    assert read_degrees(text) == (pytest.approx(value) if value is not None else None)


def test_sos_access_own_example_has_decimals_where_minutes_should_be() -> None:
    assert read_sos_access("N597295E0176288") == pytest.approx((59.7295, 17.6288))
    assert read_sos_access("N593030E0180330") == pytest.approx((59 + 30.30 / 60, 18 + 3.30 / 60))
    assert read_sos_access("597295") is None


@given(st.text(max_size=40))
@fuzz(300)
def test_no_text_raises_and_numbers_are_finite(text: str) -> None:
    value = read_number(text)
    assert value is None or math.isfinite(value)
    read_degrees(text)
    read_sos_access(text)


@given(st.floats(-89, 89), st.floats(-180, 180), st.floats(0, 360), st.floats(0, 100_000))
@fuzz(200)
def test_a_destination_is_as_far_as_asked(latitude: float, longitude: float, bearing: float, metres: float) -> None:
    reached = destination(latitude, longitude, bearing, metres)
    assert distance_metres(latitude, longitude, *reached) == pytest.approx(metres, abs=0.01)


def test_a_minute_of_latitude_is_a_nautical_mile() -> None:
    assert distance_metres(59.0, 16.0, 59.0 + 1 / 60, 16.0) == pytest.approx(1853.2, abs=0.5)
