"""The text that a crew reads."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from granslos_adapters.rakel.alarm import TEXT_CHARACTERS_MAX, Alarm, alarm_text
from granslos_adapters.rakel.codec.text import decode_text, encode_text

ALARM = Alarm(
    unit_id="319-3310",
    incident_id="20261121-vas-000123",
    priority="1A",
    category="Bröstsmärta",
    description="Man 67, kallsvettig,\n ont i bröstet",
    address="Storgatan 12, Västerås",
    latitude=59.6099,
    longitude=16.5448,
)


def test_priority_and_case_come_first_then_what_and_where() -> None:
    assert alarm_text(ALARM).split("\n") == [
        "PRIO 1A 20261121-vas-000123",
        "Bröstsmärta",
        "Storgatan 12, Västerås",
        "N59.60990 E16.54480",
        "Man 67, kallsvettig, ont i bröstet",
    ]


def test_the_end_of_an_assignment_is_short() -> None:
    ended = msgspec.structs.replace(ALARM, ended=True, reason="annan enhet närmare")
    assert alarm_text(ended) == "ÅTER 20261121-vas-000123\nannan enhet närmare"


def test_no_position_is_shown_for_none_and_for_zero_and_doubt_is_said() -> None:
    for nowhere in (
        msgspec.structs.replace(ALARM, latitude=None),
        msgspec.structs.replace(ALARM, latitude=0.0, longitude=0.0),
    ):
        assert "N0" not in alarm_text(nowhere)
        assert "E16" not in alarm_text(nowhere)
    assert "OSÄKER" in alarm_text(msgspec.structs.replace(ALARM, unreliable_position=True))


@given(st.text(max_size=2_000), st.text(max_size=300), st.text(max_size=300), st.booleans())
def test_any_alarm_is_a_text_within_the_bound(description: str, address: str, category: str, ended: bool) -> None:
    alarm = msgspec.structs.replace(ALARM, description=description, address=address, category=category, ended=ended)
    text = alarm_text(alarm)
    assert 0 < len(text) <= TEXT_CHARACTERS_MAX
    assert alarm.incident_id in text


def test_swedish_letters_survive_the_radios_coding() -> None:
    text = alarm_text(ALARM)
    assert decode_text(1, encode_text(1, text)) == text
