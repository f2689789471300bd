import { describe, expect, test } from "vitest";
import { answer } from "../contract/commands";
import type { Centre, Conflict } from "../contract/views";
import { type Board, EMPTY_BOARD } from "../feed/board";
import { ISLAND_BANNER_MS } from "../feed/limits";
import { type Command, submit } from "../feed/outbox";
import type { Link } from "../feed/protocol";
import { bannersOf, type Situation } from "./banners";

const NOW = 1_000_000;
const VAS = { code: "vas", name: "Västerås", http: "http://vas" };
const UPP = { code: "upp", name: "Uppsala", http: "http://upp" };
const LINK: Link = {
  phase: "live",
  site: VAS,
  home: VAS,
  isAway: false,
  cause: null,
  since: 0,
  homeAnswers: false,
  rounds: 0,
};
const beat = (dataAgeSeconds = 0) => ({ at: "", position: 1, dataAgeSeconds, isIsland: false, heardAt: NOW });

const board = (more: Partial<Board>): Board => ({ ...EMPTY_BOARD, isLoaded: true, beat: beat(), ...more });
const kinds = (more: Partial<Situation>) =>
  bannersOf({ board: board({}), link: LINK, outbox: [], now: NOW, ...more }).map(
    ({ kind, severity }) => `${kind} ${severity}`,
  );
const saved = (answeredAt: number): Command[] =>
  submit([], answer("i1"), "c1", NOW).map((command) => ({ ...command, state: "site", savedAt: "vas", answeredAt }));
const centre = (desk: Partial<Centre["desks"][string]>): ReadonlyMap<string, Centre> =>
  new Map([
    [
      "upp",
      {
        id: "upp",
        code: "upp",
        name: "Uppsala",
        site: "upp",
        state: "open",
        desks: { calls: { desk: "calls", authority: "upp", epoch: 1, why: "normal", ...desk } },
      },
    ],
  ]);
const conflict = (more: Partial<Conflict>): ReadonlyMap<string, Conflict> =>
  new Map([["k1", { id: "k1", kind: "unit_twice", state: "open", outcome: "", text: "", level: 1, ...more }]]);

test("all well: nothing to say", () => {
  expect(kinds({})).toEqual([]);
});

describe("the connection", () => {
  test("a dial of a moment is not worth a line, a longer one is an alarm", () => {
    const dialling = (since: number): Partial<Situation> => ({ link: { ...LINK, phase: "dialling", since } });
    expect(kinds(dialling(NOW - 499))).toEqual([]);
    expect(kinds(dialling(NOW - 500))).toEqual(["offline alarm"]);
  });

  test("on another site", () => {
    expect(kinds({ link: { ...LINK, site: UPP, isAway: true } })).toEqual(["away warning"]);
  });
});

describe("no crying wolf before ten seconds", () => {
  test("about an island", () => {
    expect(kinds({ board: board({ islandSince: NOW - ISLAND_BANNER_MS + 1 }) })).toEqual([]);
    expect(kinds({ board: board({ islandSince: NOW - ISLAND_BANNER_MS }) })).toEqual(["island alarm"]);
  });

  test("about a command that is not ticked off", () => {
    expect(kinds({ outbox: saved(NOW - ISLAND_BANNER_MS + 1) })).toEqual([]);
    expect(kinds({ outbox: saved(NOW - ISLAND_BANNER_MS) })).toEqual(["unticked warning"]);
  });

  test("old data of the others; an island says so itself", () => {
    expect(kinds({ board: board({ beat: beat(9.4) }) })).toEqual([]);
    expect(kinds({ board: board({ beat: beat(10) }) })).toEqual(["oldData warning"]);
    expect(kinds({ board: board({ beat: beat(60), islandSince: NOW - 60_000 }) })).toEqual(["island alarm"]);
  });
});

test.each([
  ["served at home", {}, []],
  ["served elsewhere", { authority: "vas" }, ["deskMoved notice"]],
  ["not answering", { reachable: false }, ["deskSilent alarm"]],
] as [string, object, string[]][])("a desk %s", (_name, desk, expected) => {
  expect(kinds({ board: board({ centres: centre(desk) }) })).toEqual(expected);
});

test.each([
  [{}, ["conflicts alarm"]],
  [{ level: 2 }, []],
] as [Partial<Conflict>, string[]][])("a clash %j", (more, expected) => {
  expect(kinds({ board: board({ conflicts: conflict(more) }) })).toEqual(expected);
});

test("what only a lost site knows is listed by site", () => {
  const incident = { id: "i1", state: "offered", centre: "vas" };
  const made = bannersOf({
    board: board({
      stranded: new Map([
        ["i1", { incident, site: "vas" }],
        ["i2", { incident, site: "vas" }],
      ]),
    }),
    link: LINK,
    outbox: [],
    now: NOW,
  });
  expect(made).toEqual([{ key: "stranded:vas", severity: "alarm", kind: "stranded", site: "vas", ids: ["i1", "i2"] }]);
});

test("frames that this console does not understand are told", () => {
  expect(kinds({ board: board({ notUnderstood: 2 }) })).toEqual(["notUnderstood notice"]);
});
