import { describe, expect, test } from "vitest";
import type { Change, Confirmed, Frame, Heartbeat, Snapshot } from "../contract/frames";
import type { Centre, Conflict, Incident, Unit } from "../contract/views";
import { applyFrames, type Board, EMPTY_BOARD, hasOpenConflict, hasPending } from "./board";
import { CLOSED_INCIDENTS_MAX, SEEN_EVENTS_MAX } from "./limits";

const incident = (id: string, more: Partial<Incident> = {}): Incident => ({
  id,
  state: "offered",
  centre: "vas",
  durability: "cluster",
  version: 1,
  ...more,
});
const unit = (id: string, more: Partial<Unit> = {}): Unit => ({
  id,
  kind: "ambulance",
  centre: "vas",
  state: "available",
  durability: "cluster",
  version: 1,
  ...more,
});
const snapshot = (position: number, more: Partial<Snapshot> = {}): Snapshot => ({
  type: "snapshot",
  position,
  incidents: [],
  units: [],
  operators: [],
  conflicts: [],
  centres: [],
  site: null,
  ...more,
});
const change = (eventId: string, position: number | null, kind: string, resource: { id: string }): Change => ({
  type: "change",
  event_id: eventId,
  event: "IncidentAnswered",
  at: "2026-11-25T04:00:00Z",
  site: "vas",
  position,
  durability: position === null ? "site" : "cluster",
  changes: [{ kind, id: resource.id, resource }],
});
const confirmed = (eventId: string, position: number, ticks: Confirmed["ticks"] = []): Confirmed => ({
  type: "confirmed",
  event_id: eventId,
  position,
  ticks,
});
const heartbeat = (position: number, island = false): Heartbeat => ({
  type: "heartbeat",
  position,
  at: "2026-11-25T04:00:00Z",
  data_age_seconds: 0.2,
  island,
});

const fold = (frames: Frame[], site = "vas", board: Board = EMPTY_BOARD, now = 0): Board =>
  applyFrames(board, frames, site, now);

test("nothing is loaded before a snapshot, and the empty board is not changed by folding", () => {
  const board = fold([change("e1", 1, "incident", incident("i1"))]);
  expect(board.isLoaded).toBe(false);
  expect(EMPTY_BOARD.incidents.size).toBe(0);
  expect(fold([snapshot(5)]).isLoaded).toBe(true);
});

test("a snapshot and the frames after it give the newest state and position", () => {
  const board = fold([
    snapshot(5, { incidents: [incident("i1")], units: [unit("u1")] }),
    change("e6", 6, "incident", incident("i1", { state: "answered", version: 2 })),
    change("e7", 7, "unit", unit("u1", { state: "alarmed" })),
    change("e8", 8, "incident", incident("i2")),
  ]);
  expect(board.position).toBe(8);
  expect(board.incidents.get("i1")?.state).toBe("answered");
  expect(board.units.get("u1")?.state).toBe("alarmed");
  expect(board.incidents.size).toBe(2);
});

test("a snapshot replaces: what it does not hold is gone", () => {
  const board = fold([snapshot(5, { incidents: [incident("i1")] }), snapshot(6, { incidents: [incident("i2")] })]);
  expect([...board.incidents.keys()]).toEqual(["i2"]);
});

describe("doubles", () => {
  test("the same event again is no news, but what the site shows now is taken", () => {
    const board = fold([
      snapshot(5),
      change("e6", 6, "incident", incident("i1", { state: "answered" })),
      change("e7", 7, "incident", incident("i1", { state: "waiting" })),
      change("e6", 6, "incident", incident("i1", { state: "assigned" })),
    ]);
    expect(board.incidents.get("i1")?.state).toBe("assigned");
    expect([board.doubles, board.seen.size, board.pending.size, board.position]).toEqual([1, 2, 0, 7]);
  });

  test("a pending event told at another site too is taken as that site has it, and stays one pending event", () => {
    const told = (version: number) => change("e6", null, "incident", incident("i1", { durability: "site", version }));
    const before = fold([snapshot(5), told(2)]);
    const board = fold([told(3)], "esk", before);
    expect(board.incidents.get("i1")?.version).toBe(3);
    expect([board.doubles, [...board.pending], board.seen.get("e6")]).toEqual([1, ["e6"], null]);
  });

  test("a pending event that comes again with a position is ticked off by it", () => {
    const pending = fold([snapshot(5), change("e6", null, "incident", incident("i1"))]);
    expect([pending.pending.has("e6"), pending.position]).toEqual([true, 5]);
    const board = fold([change("e6", 9, "incident", incident("i1", { state: "answered" }))], "esk", pending);
    expect(board.incidents.get("i1")?.state).toBe("answered");
    expect([board.pending.size, board.seen.get("e6"), board.position]).toEqual([0, 9, 9]);
  });

  test("a change that had to be sent again counts each time, and ticks nothing off", () => {
    const again = (state: string) => change("e3~again", 3, "incident", incident("i1", { state }));
    const board = fold([snapshot(5), again("answered"), again("waiting")]);
    expect([board.incidents.get("i1")?.state, board.doubles, board.position, board.seen.size]).toEqual([
      "waiting",
      0,
      5,
      0,
    ]);
  });

  test("a confirmation before its event is remembered", () => {
    const board = fold([snapshot(5), confirmed("e6", 6), change("e6", null, "incident", incident("i1"))]);
    expect(board.seen.get("e6")).toBe(6);
    expect(board.pending.size).toBe(0);
  });

  test("ids are remembered up to the bound, the oldest go", () => {
    const frames: Frame[] = [snapshot(0)];
    for (let n = 1; n <= SEEN_EVENTS_MAX + 2; n++) frames.push(change(`e${n}`, n, "incident", incident("i1")));
    const { seen } = fold(frames);
    expect(seen.size).toBe(SEEN_EVENTS_MAX);
    expect([seen.has("e2"), seen.has("e3")]).toEqual([false, true]);
  });
});

describe("durability", () => {
  test("a confirmation ticks event and resource, at its version", () => {
    const board = fold([
      snapshot(5),
      change("e6", null, "incident", incident("i1", { durability: "site", version: 3 })),
      confirmed("e6", 6, [{ kind: "incident", id: "i1", durability: "cluster", position: 6, version: 3 }]),
    ]);
    expect(board.incidents.get("i1")).toMatchObject({ durability: "cluster", position: 6, version: 3 });
    expect(board.position).toBe(6);
  });

  test("a tick of a resource or kind that is not known changes nothing", () => {
    const ticks: Confirmed["ticks"] = [
      { kind: "incident", id: "nobody", durability: "cluster", position: 6, version: 1 },
      { kind: "mystery", id: "i1", durability: "cluster", position: 6, version: 1 },
    ];
    expect(fold([snapshot(5), confirmed("e6", 6, ticks)]).incidents.size).toBe(0);
  });

  test.each([
    ["all in the LOG", [snapshot(5, { incidents: [incident("i1")] })], false],
    ["an incident here only", [snapshot(5, { incidents: [incident("i1", { durability: "site" })] })], true],
    [
      "a closed one here only counts not",
      [snapshot(5, { incidents: [incident("i1", { durability: "site", state: "closed" })] })],
      false,
    ],
    ["a unit here only", [snapshot(5, { units: [unit("u1", { durability: "site" })] })], true],
    ["a pending event", [snapshot(5), change("e6", null, "operator", { id: "o1" })], true],
  ] as [string, Frame[], boolean][])("%s: pending is %s", (_name, frames, expected) => {
    expect(hasPending(fold(frames))).toBe(expected);
  });
});

describe("another site", () => {
  const before = fold([
    snapshot(5, {
      incidents: [
        incident("shared"),
        incident("alone", { durability: "site" }),
        incident("ahead", { durability: "site", version: 4 }),
        incident("done", { durability: "site", state: "closed" }),
      ],
    }),
  ]);

  test("what only the site left behind had stays in sight, with its name", () => {
    const board = fold(
      [snapshot(5, { incidents: [incident("shared"), incident("ahead", { version: 3 })] })],
      "esk",
      before,
    );
    expect([...board.stranded.keys()].sort()).toEqual(["ahead", "alone"]);
    expect(board.stranded.get("alone")?.site).toBe("vas");
    expect(board.site).toBe("esk");
  });

  test("it is taken off when it arrives, and when the console is back there", () => {
    const moved = fold([snapshot(5)], "esk", before);
    const arrived = fold([change("e9", 9, "incident", incident("alone", { version: 1 }))], "esk", moved);
    expect(arrived.stranded.has("alone")).toBe(false);
    expect(arrived.stranded.has("ahead")).toBe(true);
    expect(fold([snapshot(9)], "vas", moved).stranded.size).toBe(0);
  });

  test("it survives a second move", () => {
    const second = fold([snapshot(5)], "upp", fold([snapshot(5)], "esk", before));
    expect(second.stranded.get("alone")?.site).toBe("vas");
  });

  test("resuming keeps the picture and says whose it now is", () => {
    const board = fold([{ type: "resumed" }, heartbeat(5)], "esk", before);
    expect([board.site, board.incidents.size, board.stranded.size]).toEqual(["esk", 4, 0]);
  });
});

describe("heartbeats", () => {
  test("say position, age and time", () => {
    const { beat } = fold([heartbeat(12)], "vas", EMPTY_BOARD, 777);
    expect(beat).toEqual({
      at: "2026-11-25T04:00:00Z",
      position: 12,
      dataAgeSeconds: 0.2,
      isIsland: false,
      heardAt: 777,
    });
  });

  test("an island is dated from its first heartbeat until one that says otherwise", () => {
    let board = fold([heartbeat(1, true)], "vas", EMPTY_BOARD, 1_000);
    board = fold([heartbeat(1, true)], "vas", board, 9_000);
    expect(board.islandSince).toBe(1_000);
    expect(fold([heartbeat(1)], "vas", board, 10_000).islandSince).toBeNull();
  });
});

describe("units' live overlay", () => {
  const place = (at: string) => ({ latitude: 59.6, longitude: 16.5, at });
  const positions = (at: string): Frame => ({
    type: "notice",
    kind: "positions",
    data: { positions: [{ unit_id: "u1", ...place(at) }, { unit_id: "nobody", ...place(at) }, { unit_id: 3 }] },
  });

  test("the newest position counts, whatever order they come in", () => {
    const frames = [
      snapshot(1, { units: [unit("u1")] }),
      positions("2026-11-25T04:00:05Z"),
      positions("2026-11-25T04:00:01Z"),
    ];
    expect(fold(frames).units.get("u1")?.last_position?.at).toBe("2026-11-25T04:00:05Z");
  });

  test("it outlives the unit's own events and a snapshot without it", () => {
    const frames = [
      snapshot(1, { units: [unit("u1", { assignable: false, grey: true })] }),
      positions("2026-11-25T04:00:05Z"),
      change("e2", 2, "unit", unit("u1", { state: "alarmed" })),
    ];
    const board = fold(frames);
    expect(board.units.get("u1")).toMatchObject({ state: "alarmed", grey: true, assignable: false });
    const later = fold([snapshot(3, { units: [unit("u1")] })], "vas", board);
    expect(later.units.get("u1")?.last_position?.at).toBe("2026-11-25T04:00:05Z");
    expect(later.units.get("u1")?.grey).toBeUndefined();
  });

  test("a refreshed overview replaces centres, and of units only the overlay", () => {
    const centre: Centre = { id: "vas", code: "vas", name: "Västerås", site: "vas", state: "open", desks: {} };
    const board = fold([
      snapshot(1, { units: [unit("u1", { state: "alarmed" })] }),
      { type: "refreshed", site: { code: "vas" }, centres: [centre], units: [unit("u1", { grey: true }), unit("u2")] },
    ]);
    expect(board.units.get("u1")).toMatchObject({ state: "alarmed", grey: true });
    expect([board.units.size, board.centres.get("vas")?.name, board.siteState?.code]).toEqual([1, "Västerås", "vas"]);
  });
});

describe("clashes", () => {
  const clash = (id: string, state: string): Conflict => ({ id, kind: "unit_twice", state, outcome: "", text: "" });
  const board = fold([
    snapshot(5, {
      incidents: [incident("i1", { conflicts: ["k1", "k2"] })],
      conflicts: [clash("k1", "open"), clash("k2", "acknowledged")],
    }),
  ]);

  test("only open ones are in the picture, and mark their incident", () => {
    expect([...board.conflicts.keys()]).toEqual(["k1"]);
    expect(hasOpenConflict(board, board.incidents.get("i1"))).toBe(true);
    expect(hasOpenConflict(board, incident("i2", { conflicts: ["k2"] }))).toBe(false);
    expect(hasOpenConflict(board, undefined)).toBe(false);
  });

  test.each(["acknowledged", "withdrawn", "a later word"])("one that is %s leaves the picture", (state) => {
    const after = fold([change("e6", 6, "conflict", clash("k1", state))], "vas", board);
    expect(after.conflicts.size).toBe(0);
    expect(hasOpenConflict(after, after.incidents.get("i1"))).toBe(false);
    expect(board.conflicts.size).toBe(1);
  });

  test("one that comes back is open again", () => {
    const frames = [
      change("e6", 6, "conflict", clash("k1", "withdrawn")),
      change("e7", 7, "conflict", clash("k1", "open")),
    ];
    expect([...fold(frames, "vas", board).conflicts.keys()]).toEqual(["k1"]);
  });
});

test("desks are announced without an event", () => {
  const centres = [{ id: "upp", code: "upp", name: "Uppsala", desks: {} }, { code: "no id" }];
  const board = fold([snapshot(1), { type: "notice", kind: "centres", data: { centres } }]);
  expect([...board.centres.keys()]).toEqual(["upp"]);
});

test("closed incidents are kept up to the bound; the oldest go, open ones never", () => {
  const closed = Array.from({ length: CLOSED_INCIDENTS_MAX }, (_, n) =>
    incident(`c${n}`, { state: "closed", t_closed: new Date(n * 1000).toISOString() }),
  );
  const board = fold([
    snapshot(1, { incidents: [incident("open"), ...closed] }),
    change("e2", 2, "incident", incident("last", { state: "closed", t_closed: new Date(1e9).toISOString() })),
  ]);
  expect(board.incidents.size).toBe(CLOSED_INCIDENTS_MAX + 1);
  expect([board.incidents.has("c0"), board.incidents.has("open"), board.incidents.has("last")]).toEqual([
    false,
    true,
    true,
  ]);
});

test("what is not understood is counted, and the rest goes on", () => {
  const board = fold([
    { type: "unknown", name: "later" },
    snapshot(1),
    { type: "resync" },
    change("e2", 2, "mystery", { id: "m1" }),
    { ...change("e3", 3, "incident", incident("i1")), changes: [{ kind: "incident", id: "i1", resource: null }] },
  ]);
  expect([board.notUnderstood, board.position, board.incidents.size]).toEqual([1, 3, 0]);
});
