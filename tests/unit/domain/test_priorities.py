"""The scale of priorities is data."""

import pytest

from granslos.domain.priorities import UNKNOWN_RANK, default_scale, load_scale

SCALE = default_scale()


def test_the_default_scale_is_ordered_as_the_specification_says() -> None:
    codes = [p.code for p in SCALE.priorities]
    assert codes == ["1A", "1B", "2A", "2B", "3", "4", "H"]
    assert [SCALE.rank(c) for c in codes] == list(range(7))
    first = SCALE.get("1A")
    assert first and first.alarm_target_seconds == 80.0
    assert all(p.label_sv and p.label_en and p.review_minutes > 0 for p in SCALE.priorities)


def test_the_more_urgent_is_strictly_more_urgent_and_unknown_codes_come_last() -> None:
    assert SCALE.more_urgent("1A", "1B")
    assert not SCALE.more_urgent("1A", "1A")
    assert SCALE.more_urgent("H", "??")
    assert not SCALE.more_urgent(None, "H")
    assert SCALE.rank("??") == SCALE.rank(None) == UNKNOWN_RANK
    assert SCALE.most_urgent(["3", "1B", "2A"]) == "1B"
    assert SCALE.most_urgent([]) is None


def test_an_unknown_code_needs_a_unit_and_is_looked_at_soonest() -> None:
    assert (SCALE.needs_unit("??"), SCALE.needs_unit("H"), SCALE.needs_unit(None)) == (True, False, False)
    assert SCALE.review_minutes("??") == min(p.review_minutes for p in SCALE.priorities)


def test_a_region_may_bring_its_own_scale() -> None:
    rows = [{"code": c, "label_sv": c, "label_en": c} for c in ("P1", "P2")]
    made = load_scale({"priorities": rows})
    assert made.more_urgent("P1", "P2")
    assert not made.knows("1A")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        "1A",
        [{"code": "1A"}],
        [{"code": "1A", "label_sv": "", "label_en": ""}] * 2,
        [{"code": c, "label_sv": "", "label_en": "", "rank": r} for c, r in (("1A", 2), ("1B", 1))],
        [{"code": "1A", "label_sv": "", "label_en": "", "rank": UNKNOWN_RANK}],
        [{"code": "1A", "label_sv": "", "label_en": "", "rank": -1}],
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(rows: object) -> None:
    with pytest.raises(ValueError, match=r"priority|priorities|ranks"):
        load_scale({"priorities": rows})
