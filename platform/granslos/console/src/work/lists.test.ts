import { describe, expect, test } from "vitest";
import type { Incident, Unit } from "../contract/views";
import { callRows, freedomOf, isGrey, type Row, stableRows, unitRows, waitingRows } from "./lists";
import { DEFAULT_SCALE, levelOf, needsUnit, rankOf, shapeOf } from "./priorities";

const at = (second: number) => new Date(Date.UTC(2026, 10, 25, 4, 0, second)).toISOString();
const incident = (id: string, state: string, more: Partial<Incident> = {}): Incident => ({
  id,
  state,
  centre: "vas",
  ...more,
});
const unit = (id: string, state: string, more: Partial<Unit> = {}): Unit => ({
  id,
  state,
  kind: "ambulance",
  centre: "vas",
  ...more,
});
const ids = (rows: Row[]) => rows.map(({ id }) => id);
const grouped = (rows: Row[]) => rows.map(({ id, group }) => `${group}:${id}`);

test("calls: the longest ringing first, then mine, then others in order of answering", () => {
  const rows = callRows(
    [
      incident("b", "offered", { t_offered: at(5) }),
      incident("a", "offered", { t_offered: at(5) }),
      incident("c", "offered", { t_offered: at(1) }),
      incident("d", "answered", { answered_by: "other", t_answered: at(1) }),
      incident("e", "parked", { answered_by: "me", t_answered: at(9) }),
      incident("f", "waiting"),
      incident("g", "closed"),
    ],
    "me",
  );
  expect(grouped(rows)).toEqual(["offered:c", "offered:a", "offered:b", "mine:e", "held:d"]);
});

test("nobody's calls are mine when it is not known who I am", () => {
  expect(grouped(callRows([incident("d", "answered", { answered_by: null })], null))).toEqual(["held:d"]);
});

test("waiting room: overdue first, then priority, then when it is due", () => {
  const now = Date.parse(at(30));
  const rows = waitingRows(
    [
      incident("late2B", "waiting", { priority: "2B", review_due_at: at(30) }),
      incident("soon2A", "waiting", { priority: "2A", review_due_at: at(40) }),
      incident("first2A", "waiting", { priority: "2A", review_due_at: at(35) }),
      incident("1B", "waiting", { priority: "1B", review_due_at: at(59) }),
      incident("late3", "waiting", { priority: "3", review_due_at: at(1) }),
      incident("odd", "waiting", { priority: "X", review_due_at: at(31) }),
      incident("out", "assigned", { priority: "1A" }),
      incident("talking", "answered", { priority: "1A" }),
      incident("advice", "answered", { priority: "H" }),
      incident("unassessed", "answered"),
      incident("done", "completed", { priority: "3" }),
      incident("ringing", "offered", { priority: "1A" }),
    ],
    DEFAULT_SCALE,
    now,
  );
  expect(grouped(rows)).toEqual([
    "waiting:late2B",
    "waiting:late3",
    "waiting:1B",
    "waiting:first2A",
    "waiting:soon2A",
    "waiting:odd",
    "needsUnit:talking",
    "assigned:out",
    "completed:done",
  ]);
});

test("units: own centre first, emergencies, free, busy, off; numbers in order", () => {
  const rows = unitRows(
    [
      unit("320-10", "available", { centre: "esk" }),
      unit("319-10", "available"),
      unit("319-9", "available"),
      unit("319-1", "alarmed", { incident_id: "i" }),
      unit("319-2", "out_of_service"),
      unit("319-7", "on_scene", { incident_id: "i", emergency_since: at(1) }),
    ],
    "vas",
  );
  expect(ids(rows)).toEqual(["319-7", "319-9", "319-10", "319-1", "319-2", "320-10"]);
});

test("grey is a silent desk's unit, not one out of service", () => {
  expect(isGrey(unit("u", "available", { grey: true }))).toBe(true);
  expect(isGrey(unit("u", "available", { assignable: false }))).toBe(true);
  expect(isGrey(unit("u", "out_of_service", { assignable: false }))).toBe(false);
  expect(isGrey(unit("u", "available"))).toBe(false);
  expect(freedomOf(unit("u", "alarmed", { incident_id: "i" }))).toBe("busy");
});

describe("rows that hold still", () => {
  const rows = (text: string): Row[] =>
    text
      .split(" ")
      .filter(Boolean)
      .map((id) => ({ id, group: "g" }));
  const check = (shown: string, wanted: string, isHeld: boolean) => {
    const made = stableRows(rows(shown), rows(wanted), isHeld);
    return [ids(made.rows).join(" "), made.queued.join(" "), [...made.gone].join(" ")];
  };

  test.each([
    ["nobody in the list: as wanted", "a b", "c b", false, ["c b", "", ""]],
    ["the same rows in another order stay", "a b c", "c a b", true, ["a b c", "", ""]],
    ["a new one at the end is added", "a b", "a b c", true, ["a b c", "", ""]],
    ["a new one above or between queues", "a b", "x a y b", true, ["a b", "x y", ""]],
    ["one that left stays as a ghost", "a b", "b", true, ["a b", "", "a"]],
    ["all left, a new one follows", "a b", "c", true, ["a b c", "", "a b"]],
    ["an empty list takes all", "", "a b", true, ["a b", "", ""]],
    ["an empty wish leaves ghosts", "a", "", true, ["a", "", "a"]],
  ] as [string, string, string, boolean, string[]][])("%s", (_name, shown, wanted, isHeld, expected) => {
    expect(check(shown, wanted, isHeld)).toEqual(expected);
  });

  test("a row of an earlier group never slips in below a later group", () => {
    const shown = [
      { id: "a", group: "offered" },
      { id: "m", group: "mine" },
    ];
    const wanted = [
      { id: "a", group: "offered" },
      { id: "b", group: "offered" },
      { id: "m", group: "mine" },
    ];
    expect(stableRows(shown, wanted, true).queued).toEqual(["b"]);
    const left = [
      { id: "a", group: "offered" },
      { id: "b", group: "offered" },
      { id: "n", group: "mine" },
    ];
    expect(stableRows(shown, left, true)).toMatchObject({
      queued: ["b"],
      rows: [...shown, { id: "n", group: "mine" }],
    });
  });
});

test("priorities are data: rank, look and need of a unit", () => {
  expect(["1A", "1B", "2A", "2B", "3", "4", "H"].map((code) => rankOf(DEFAULT_SCALE, code))).toEqual([
    0, 1, 2, 3, 4, 5, 6,
  ]);
  expect([rankOf(DEFAULT_SCALE, "X"), rankOf(DEFAULT_SCALE, null)]).toEqual([99, 99]);
  expect(["1A", "2B", "3", "4", "H", "X", null].map(levelOf)).toEqual(["1", "2", "3", "4", "h", "none", "none"]);
  expect(new Set(["1A", "2A", "3", "4", "H"].map(shapeOf)).size).toBe(5);
  expect(["1A", "H", "X", null].map((code) => needsUnit(DEFAULT_SCALE, code))).toEqual([true, false, true, false]);
});
