import { expect, test } from "vitest";
import { DICTIONARIES, dateText, timeText, wordFor } from ".";

/** Paths of all words, whatever their kind. */
function paths(value: unknown, at = ""): string[] {
  if (typeof value !== "object" || value === null) return [`${at} ${typeof value}`];
  return Object.entries(value).flatMap(([key, item]) => paths(item, `${at}.${key}`));
}

test("both languages have the same words, also where a record is open", () => {
  expect(paths(DICTIONARIES.en)).toEqual(paths(DICTIONARIES.sv));
});

test("no word is empty", () => {
  const words = (value: unknown): unknown[] =>
    typeof value === "object" && value !== null ? Object.values(value).flatMap(words) : [value];
  for (const { list, ...rest } of Object.values(DICTIONARIES)) {
    expect(list.empty.calls).not.toBe("");
    expect(words(rest)).not.toContain("");
  }
});

test("an unknown code is shown as it is", () => {
  expect([wordFor({ a: "b" }, "a"), wordFor({}, "later"), wordFor({}, null)]).toEqual(["b", "later", "–"]);
});

test("times are Swedish, summer and winter, in 24 hours", () => {
  expect(timeText("2026-11-25T23:04:05Z")).toBe("00:04:05");
  expect(timeText("2026-07-01T22:00:00Z")).toBe("00:00:00");
  expect(dateText(Date.parse("2026-11-25T23:04:05Z"))).toBe("2026-11-26");
  expect([timeText(null), timeText("later")]).toEqual(["", ""]);
});
