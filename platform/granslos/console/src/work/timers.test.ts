import { expect, test } from "vitest";
import { clockText, levelOfAge, levelOfRest, secondsSince, secondsUntil, siteNow } from "./timers";

test.each([
  [0, "0:00"],
  [7.9, "0:07"],
  [80, "1:20"],
  [3723, "1:02:03"],
  [-0.5, "0:00"],
  [-65, "−1:05"],
])("%d s reads %s", (seconds, text) => {
  expect(clockText(seconds)).toBe(text);
});

test("a clock that grows turns at its bounds", () => {
  expect([4.9, 5, 7.9, 8].map((seconds) => levelOfAge(seconds, 5, 8))).toEqual(["neutral", "amber", "amber", "red"]);
});

test("a clock that runs out turns at its bounds", () => {
  expect([61, 60, 1, 0, -5].map((seconds) => levelOfRest(seconds, 60))).toEqual([
    "neutral",
    "amber",
    "amber",
    "red",
    "red",
  ]);
});

test("instants", () => {
  const now = Date.parse("2026-11-25T04:00:10Z");
  expect(secondsSince("2026-11-25T04:00:00Z", now)).toBe(10);
  expect(secondsSince("2026-11-25T04:00:20Z", now)).toBe(0);
  expect(secondsUntil("2026-11-25T04:00:00Z", now)).toBe(-10);
  expect([secondsSince(null, now), secondsSince("later", now), secondsUntil(undefined, now)]).toEqual([
    null,
    null,
    null,
  ]);
});

test("time is the site's, moved on since its heartbeat; without one it is the browser's", () => {
  expect(siteNow({ at: "2026-11-25T04:00:00Z", heardAt: 500 }, 2_500)).toBe(Date.parse("2026-11-25T04:00:02Z"));
  expect(siteNow(null, 123)).toBe(123);
  expect(siteNow({ at: "", heardAt: 1 }, 123)).toBe(123);
});
