"""What a scrape of this process returns."""

from granslos.runtime import metrics


def test_a_scrape_holds_every_metric_in_the_text_format() -> None:
    metrics.PROJECTED_EVENTS.inc(3)
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    assert b"# TYPE granslos_projected_events_total counter" in body
    assert b"process_resident_memory_bytes" in body


def test_buckets_hold_the_bounds_that_are_promised() -> None:
    # Without a bucket at its bound a promise cannot be read off a histogram.
    bounds = set(metrics.COMMAND_SECONDS._kwargs["buckets"])
    assert {0.4, 0.8, 1.0} <= bounds
