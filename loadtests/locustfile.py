"""Load on a running demo or a staging cluster: a 112 sender with its list of endpoints, and a console that reads the feed.

    .venv/bin/locust -f loadtests/locustfile.py --headless -u 20 -r 5 -t 60s --run-json .demo/run.json

Run it in the repository's root. Custom metrics: ``handover:cluster`` and ``handover:site`` (acknowledgement by durability),
``feed:gap`` (positions that did not go forward, or a site that told a pending event twice), ``feed:repeated`` (events that
came again as they may: after a move, or taken by two sites), ``feed:moved`` (readers that went to the next site),
``feed:age`` (milliseconds from an event's instant to this reader).
"""

import json
import time
import uuid
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import requests
from loadtests.feed_check import AGAIN, FeedCheck
from locust import HttpUser, constant_pacing, events, task
from locust.env import Environment

ENDPOINT_TIMEOUT_SECONDS = 1.0
"""A 112 sender goes to the next endpoint after this."""
RETRIES_MAX = 6
FEED_TIMEOUT_SECONDS = 2.5
"""Without a heartbeat for so long a console goes to the next site."""
RUN: dict[str, Any] = {}
"""The run.json in use."""


def _arguments(parser: Any) -> None:
    parser.add_argument("--run-json", default=".demo/run.json", help="run.json of the demo, or one like it of a cluster")


def _load(environment: Environment, **_: Any) -> None:
    path = getattr(environment.parsed_options, "run_json", ".demo/run.json")
    RUN.update(json.loads(Path(path).read_text()))


def _verdict(environment: Environment, **_: Any) -> None:
    """Fail the run on any error, and on a handover that took longer than a second."""
    total = environment.stats.total
    slow = [
        e for e in environment.stats.entries.values() if e.name.startswith("handover:") and (e.max_response_time or 0) > 1000
    ]
    environment.process_exit_code = 1 if total.num_failures or slow else 0


events.init_command_line_parser.add_listener(_arguments)  # type: ignore[no-untyped-call]  # because locust has no types here
events.init.add_listener(_load)  # type: ignore[no-untyped-call]  # because locust has no types here
events.quitting.add_listener(_verdict)  # type: ignore[no-untyped-call]  # because locust has no types here


class _SiteUser(HttpUser):
    abstract = True
    host = "http://unused"
    role = "observer"

    def on_start(self) -> None:
        run = RUN
        self.urls = [site["http"] for site in run["sites"]]
        self.turn = cycle(self.urls)
        self.url = next(self.turn)
        self.headers = {"Authorization": f"Bearer {run['tokens'][self.role]}"}

    def report(self, kind: str, name: str, started: float, error: Exception | None = None) -> None:
        """Record one measure, milliseconds since ``started``."""
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=(time.perf_counter() - started) * 1000,
            response_length=0,
            exception=error,
            context={},
        )


class HandoverSender(_SiteUser):
    """SOS Alarm: one handover a second each, a resend to the next endpoint with the same id."""

    role = "adapter"
    weight = 3
    wait_time = constant_pacing(1)

    @task
    def hand_over(self) -> None:
        """Send one handover until an endpoint acknowledges it."""
        source_id = uuid.uuid4().hex
        body: Any = {"source": "locust", "source_id": source_id, "description": "load test", "test": True}
        headers = {**self.headers, "Idempotency-Key": f"locust-{source_id}"}
        started = time.perf_counter()
        error: Exception | None = None
        for _ in range(RETRIES_MAX):
            try:
                response = requests.post(
                    f"{self.url}/v1/handovers", json=body, headers=headers, timeout=ENDPOINT_TIMEOUT_SECONDS
                )
                if response.status_code in (200, 201):
                    self.report("handover", f"handover:{response.json()['durability']}", started)
                    return
                error = RuntimeError(f"{response.status_code}: {response.text[:200]}")
            except requests.RequestException as failure:
                error = failure
            self.url = next(self.turn)
        self.report("handover", "handover:refused", started, error)


class FeedReader(_SiteUser):
    """A console: reads the feed, checks that it goes forward, resumes at the next site."""

    weight = 1
    wait_time = constant_pacing(0.1)

    def on_start(self) -> None:
        """Start without a position: the first frame is a snapshot."""
        super().on_start()
        self.check = FeedCheck()

    @task
    def read(self) -> None:
        """Read until the site falls silent, then go to the next."""
        headers = dict(self.headers)
        if self.check.position:
            headers["Last-Event-ID"] = str(self.check.position)
        self.check.connected()
        started = time.perf_counter()
        try:
            with requests.get(
                f"{self.url}/v1/feed", headers=headers, stream=True, timeout=(ENDPOINT_TIMEOUT_SECONDS, FEED_TIMEOUT_SECONDS)
            ) as response:
                response.raise_for_status()
                self._frames(response)
        except requests.RequestException as failure:
            self.report("feed", "feed:moved", started, None if self.check.position else failure)
        self.url = next(self.turn)

    def _frames(self, response: requests.Response) -> None:
        frame: dict[str, str] = {}
        for raw in response.iter_lines():
            line = raw.decode()
            if line:
                name, _, value = line.partition(": ")
                frame[name] = value
                continue
            if frame:
                self._take(frame)
            frame = {}

    def _take(self, frame: dict[str, str]) -> None:
        started = time.perf_counter()
        event, data = frame.get("event", ""), json.loads(frame.get("data") or "{}")
        repeated = self.check.repeated
        gap = self.check.take(event, int(frame["id"]) if "id" in frame else None, data)
        if gap is not None:
            self.report("feed", "feed:gap", started, RuntimeError(gap))
        if self.check.repeated > repeated:
            self.report("feed", "feed:repeated", started)
        elif event == "change" and not data["event_id"].endswith(AGAIN):
            self._measure_age(data["at"])

    def _measure_age(self, at: str) -> None:
        age = time.time() - datetime.fromisoformat(at).timestamp()
        self.environment.events.request.fire(
            request_type="feed", name="feed:age", response_time=age * 1000, response_length=0, exception=None, context={}
        )
