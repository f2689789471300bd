"""Telephone numbers: certain ones in E.164, the rest as they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.emergency.numbers import read_number
from support.vectors import fuzz


@pytest.mark.parametrize(
    ("text", "kind", "best"),
    [
        ("+46701740605", "e164", "+46701740605"),
        ("070-174 06 05", "e164", "+46701740605"),
        ("0701740605", "e164", "+46701740605"),
        ("+46 (0)70 174 06 05", "e164", "+46701740605"),
        ("0046701740605", "e164", "+46701740605"),
        ("46701740605", "e164", "+46701740605"),
        ("tel:+46-8-123 456 78", "e164", "+46812345678"),
        ("sip:+46701740605@sos.example;user=phone", "e164", "+46701740605"),
        ("<sip:+46701740605@10.0.0.1:5060>", "e164", "+46701740605"),
        ("sip:+12025551212:@192.168.0.100:5060", "e164", "+12025551212"),
        ("tel:+1-418-656-9254;ext=102", "e164", "+14186569254"),
        ("112", "short", "112"),
        ("tel:1177", "short", "1177"),
        ("8195551212", "local", "8195551212"),
        ("sip:8195551212@osp.com", "uri", "sip:8195551212@osp.com"),
        ("sip:anna@example.org", "uri", "sip:anna@example.org"),
        ("sip:anonymous@anonymous.invalid", "anonymous", "sip:anonymous@anonymous.invalid"),
        ("", "anonymous", ""),
        ("+4670", "local", "+4670"),
        ("skyddat nummer", "local", "skyddat nummer"),
    ],
)
def test_numbers(text: str, kind: str, best: str) -> None:
    number = read_number(text)
    assert (number.kind, number.best) == (kind, best)


def test_an_extension_is_kept_apart() -> None:
    assert read_number("tel:+1-418-656-9254;ext=102").extension == "102"


def test_a_foreign_number_without_plus_is_not_made_swedish() -> None:
    assert read_number("2025550143").e164 is None


@given(st.text(max_size=600))
@fuzz(300)
def test_any_text_gives_a_number_that_fits(text: str) -> None:
    number = read_number(text)
    assert len(number.best) <= 500
    assert not any(ord(character) < 32 or ord(character) == 127 for character in number.best)
