"""Strings that fit the contract, and times."""

import time
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos.contract.types import LongText
from granslos_adapters.emergency.defects import Defects
from granslos_adapters.emergency.instants import from_epoch, read_instant
from granslos_adapters.emergency.limits import DEFECT_CHARACTERS_MAX, DEFECTS_MAX
from granslos_adapters.emergency.texts import FRAGMENT_CHARACTERS_MAX, fit, plain
from support.vectors import fuzz


@given(st.text(st.characters(), max_size=300), st.integers(2, 50))
@fuzz(300)
def test_what_fits_passes_the_contract(text: str, characters_max: int) -> None:
    fitted = fit(text, characters_max)
    assert len(fitted) <= characters_max
    msgspec.json.decode(msgspec.json.encode(fitted), type=LongText)


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("Bröstsmärta sedan 2 h", "Bröstsmärta sedan 2 h"),
        ("<p>Bröst<b>smärta</b></p><p>Puls 120</p>", "Bröstsmärta\nPuls 120"),
        ("före<script>alert('x')</script >efter", "föreefter"),
        ("före<SCRIPT src=//evil>x</script>efter", "föreefter"),
        ("<img src=x onerror=alert(1)>hej", "hej"),
        ("<style>p{}</style><!-- dold -->syns", "syns"),
        ("tryck <90, puls > 120 &amp; feber", "tryck <90, puls > 120 & feber"),
        ("&lt;script&gt;", "<script>"),
        ("<script>utan slut", ""),
        ("a<br/>b\r\n\r\n  c", "a\nb\nc"),
        ("<b utan slut", "<b utan slut"),
    ],
)
def test_notes_become_plain_text(fragment: str, text: str) -> None:
    assert plain(fragment, 1000) == text


def test_notes_are_read_within_bounds() -> None:
    assert len(plain("x" * 200_000, 64_000)) == 64_000
    assert len(plain("x" * 200_000, 200_000)) == FRAGMENT_CHARACTERS_MAX


@pytest.mark.parametrize("unit", ["<a ", "<", "<!--", '<a b="', "&", "<script>", "\r", "</", "<p>"])
def test_no_fragment_takes_long(unit: str) -> None:
    started = time.perf_counter()
    plain(unit * FRAGMENT_CHARACTERS_MAX, 1000)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("text", "instant", "codes"),
    [
        ("2021-04-30T14:43:49.439-04:00", datetime(2021, 4, 30, 18, 43, 49, 439_000, UTC), []),
        ("2021-04-30T14:40:00.0Z", datetime(2021, 4, 30, 14, 40, tzinfo=UTC), []),
        ("2021-04-30T14:40:00.1234567Z", datetime(2021, 4, 30, 14, 40, 0, 123_456, UTC), []),
        ("2021-04-30 14:40", datetime(2021, 4, 30, 14, 40, tzinfo=UTC), ["time_without_offset"]),
        ("2021-04-30T14:40:00,5 z", datetime(2021, 4, 30, 14, 40, 0, 500_000, UTC), []),
        ("yesterday", None, ["bad_time"]),
        ("2021-02-30T00:00:00Z", None, ["bad_time"]),
        ("0001-01-01T00:00:00+05:00", None, ["implausible_time"]),
        ("9999-12-31T23:59:59-05:00", None, ["implausible_time"]),
        ("", None, ["bad_time"]),
    ],
)
def test_times(text: str, instant: datetime | None, codes: list[str]) -> None:
    defects = Defects()
    assert read_instant(text, defects) == instant
    assert [defect.code for defect in defects.all()] == codes


@given(st.text(max_size=60), st.floats())
@fuzz(200)
def test_no_time_raises(text: str, seconds: float) -> None:
    defects = Defects()
    read_instant(text, defects)
    from_epoch(seconds, defects)


def test_defects_are_bounded_and_say_so() -> None:
    defects = Defects("eido")
    for _ in range(DEFECTS_MAX + 10):
        defects.at("part").add("bad_value", "x" * 1000)
    found = defects.all()
    assert len(found) == DEFECTS_MAX
    assert found[-1].code == "more_defects"
    assert found[0].where == "eido.part"
    assert all(len(defect.text) <= DEFECT_CHARACTERS_MAX for defect in found)
