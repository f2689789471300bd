"""The load test's check of the feed: what is a gap, and what a site may well tell twice."""

import importlib.util
from typing import Any

import pytest

from support.repository import ROOT


def load() -> Any:
    spec = importlib.util.spec_from_file_location("feed_check", ROOT / "loadtests" / "feed_check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


feed_check = load()


@pytest.fixture
def check() -> Any:
    """A reader at position 5."""
    made = feed_check.FeedCheck()
    made.connected()
    assert made.take("snapshot", 5, {"position": 5}) is None
    return made


def change(check: Any, event_id: str, position: int | None) -> str | None:
    gap: str | None = check.take("change", position, {"event_id": event_id, "position": position})
    return gap


def confirm(check: Any, event_id: str, position: int) -> str | None:
    gap: str | None = check.take("confirmed", position, {"event_id": event_id, "position": position, "ticks": []})
    return gap


def test_news_in_order_is_no_gap(check: Any) -> None:
    found = [change(check, "a", 6), change(check, "b", None), confirm(check, "b", 7), check.take("heartbeat", None, {})]
    assert found == [None] * 4
    assert (check.position, check.repeated) == (7, 0)


def test_a_pending_event_told_twice_on_one_connection_is_a_gap(check: Any) -> None:
    change(check, "a", None)
    assert change(check, "a", None) == "a came twice without a position"


@pytest.mark.parametrize("position", [None, 6])
def test_an_event_that_another_site_tells_again_is_counted_and_no_gap(check: Any, position: int | None) -> None:
    change(check, "a", None)
    check.connected()
    assert change(check, "a", position) is None
    assert check.repeated == 1


def test_a_command_that_two_sites_took_is_in_the_log_twice_and_no_gap(check: Any) -> None:
    found = [change(check, "a", None), confirm(check, "a", 6), change(check, "a", 7)]
    assert (found, check.repeated) == ([None] * 3, 1)


def test_a_newer_view_of_what_was_sent_is_never_news(check: Any) -> None:
    for _ in range(3):
        assert change(check, "a~again", None) is None
    assert check.repeated == 0


@pytest.mark.parametrize("position", [5, 4])
def test_a_position_that_does_not_go_forward_is_a_gap(check: Any, position: int) -> None:
    assert change(check, "a", position) == f"change: from 5 to {position}"


def test_a_snapshot_begins_anew_wherever_its_site_stands(check: Any) -> None:
    change(check, "a", 6)
    assert check.take("resync", None, {}) is None
    assert check.take("snapshot", 3, {"position": 3}) is None
    assert change(check, "a", 6) is None
    assert check.repeated == 0


def test_ids_are_remembered_up_to_the_bound(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_check, "SEEN_EVENTS_MAX", 2)
    for event_id in ("a", "b", "c"):
        change(check, event_id, None)
    assert change(check, "a", None) is None
    assert check.repeated == 0
    assert change(check, "c", None) == "c came twice without a position"
