"""``granslos conform``: one object a message, whatever the bytes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granslos_adapters.rakel.conform import BYTES_MAX, KINDS, conform, exit_code

RECORDING = b"\r\n+CTSDSR: 12,1234567,0,9876543,0,88\r\n0A007264E2654E91020810\r\n"


def only(kind: str, data: str | bytes) -> dict[str, Any]:
    (one,) = conform(kind, data.encode() if isinstance(data, str) else data)
    return one


def test_a_location_report_is_understood_with_numbers() -> None:
    one = only("lip", "0A0070EDD264D6214DC820\n")
    understood = one["understood"]
    assert understood["latitude"] == pytest.approx(53.8625765, abs=1e-6)
    assert understood["longitude"] == pytest.approx(9.9253964, abs=1e-6)
    assert understood["speed_kmh"] == pytest.approx(40.649, abs=0.001)
    assert (one["kept"], one["defects"], exit_code([one])) == ([], [], 0)


def test_a_report_without_fix_is_understood_as_such() -> None:
    understood = only("lip", "0A30000000000007FFE810")["understood"]
    assert understood["has_fix"] is False
    assert [understood[name] for name in ("latitude", "longitude", "latitude_deg", "longitude_deg", "speed_kmh")] == [None] * 5


def test_every_third_party_vector_is_shown_as_expected(third_party: Callable[[str], Any]) -> None:
    for name in ("lip_short.json", "lip_long.json", "lip_control.json"):
        for vector in third_party(name)["vectors"]:
            one = only("lip", vector["pdu_hex"])
            assert one["understood"]["pdu"] == vector["expect"]["pdu"]
            assert one["defects"] == []
            if "has_fix" in vector["expect"]:
                assert (one["understood"]["latitude"] is not None) == vector["expect"]["has_fix"]


def test_several_messages_give_several_objects_and_bad_ones_their_own() -> None:
    found = conform("lip", b"0A30000000000007FFE810\n# a remark\n\n0A3000\nnonsense\n")
    assert [bool(one["understood"]) for one in found] == [True, False, False]
    assert [defect["code"] for one in found for defect in one["defects"]] == ["truncated", "not_hex"]
    assert found[1]["kept"] == ["0A3000"]
    assert exit_code(found) == 2


def test_a_recording_gives_its_events() -> None:
    one = only("pei", RECORDING)
    assert one["understood"]["type"] == "lip_short"
    assert (one["understood"]["src"], one["understood"]["dst"]) == ("1234567", "9876543")
    assert one["understood"]["pdu_hex"] == "0A007264E2654E91020810"
    as_json = json.dumps({"chunks": [RECORDING[:9].decode(), RECORDING[9:].decode()]}).encode()
    assert conform("pei", as_json) == [one]


def test_what_was_cut_is_kept_with_a_defect_that_says_where() -> None:
    cut, header = conform("pei", RECORDING[:-10] + b"\r\n+CTSDS\r\n")
    assert (cut["understood"]["type"], cut["kept"]) == ("malformed_pdu", ["0A007264E2654E"])
    assert [(defect["code"], defect["where"]) for defect in cut["defects"]] == [("malformed_pdu", "line 2")]
    assert (header["understood"]["type"], header["defects"][0]["code"]) == ("truncated_line", "truncated_line")
    assert exit_code([cut, header]) == 1


def test_data_that_is_whole_and_cannot_be_read_is_malformed_too() -> None:
    one = only("pei", b"\r\n+CTSDSR: 12,1,0,2,0,24\r\n0A3000\r\n")
    assert (one["understood"]["type"], one["kept"], one["defects"][0]["code"]) == (
        "malformed_pdu",
        ["0A3000"],
        "truncated",
    )


def test_parts_show_the_joined_text_with_the_last_one(third_party: Callable[[str], Any]) -> None:
    parts = [v["pdu_hex"] for v in third_party("sds_tl_decode.json")["vectors"] if v["id"] in ("sds-07", "sds-08")]
    first, second = conform("sds", "\n".join(parts).encode())
    assert "joined" not in first["understood"]
    assert second["understood"]["joined"]["text"] == "testmessagetestmessage"


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("8004", 0x8004, "network_or_user_defined"),
        ("32772", 0x8004, "network_or_user_defined"),
        ("0x8004", 0x8004, "network_or_user_defined"),
        ("0000", 0, "emergency"),
        ("0", 0, "emergency"),
        ("1", 1, "reserved"),
    ],
)
def test_a_status_is_read_in_every_form(text: str, value: int, kind: str) -> None:
    understood = only("status", text)["understood"]
    assert (understood["value"], understood["class"], understood["emergency"]) == (value, kind, value == 0)


def test_a_status_shows_its_meaning_and_that_nobody_verified_it() -> None:
    understood = only("status", "8006")["understood"]
    assert (understood["meaning"], understood["statuses"], understood["profile_verified"]) == (
        "on_scene",
        ["on_scene"],
        False,
    )
    assert only("status", "7EC9")["understood"]["message_reference"] == 201
    assert only("sds", "8004")["understood"]["value"] == 0x8004
    assert only("sds", "0201")["understood"]["kind"] == "simple_text"


def test_what_is_not_understood_is_kept_with_a_defect() -> None:
    one = only("sds", "01BEEF")
    assert (one["understood"]["protocol_name"], one["kept"], exit_code([one])) == ("otak", ["01BEEF"], 1)


def test_nothing_and_too_much_are_unreadable() -> None:
    assert exit_code([only("pei", b"")]) == 2
    assert only("pei", b"x" * (BYTES_MAX + 1))["defects"][0]["code"] == "too_big"
    with pytest.raises(ValueError, match="none of"):
        conform("eido", b"")


@settings(max_examples=500)
@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_any_bytes_give_objects_that_json_can_say(kind: str, data: bytes) -> None:
    found = conform(kind, data)
    assert found
    for one in found:
        assert set(one) == {"understood", "kept", "defects"}
        assert all(set(defect) == {"code", "where", "text"} for defect in one["defects"])
        assert one["understood"] or one["defects"]
    json.dumps(found, allow_nan=False)
