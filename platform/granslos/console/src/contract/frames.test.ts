import { expect, test } from "vitest";
import { decodeFrame, observedPositions } from "./frames";

const ID = { id: "i1", state: "offered", centre: "vas" };

test.each([
  [
    "heartbeat",
    { position: 4, at: "t", data_age_seconds: 1.5, island: true },
    {
      type: "heartbeat",
      position: 4,
      at: "t",
      data_age_seconds: 1.5,
      island: true,
    },
  ],
  ["heartbeat", {}, { type: "heartbeat", position: 0, at: "", data_age_seconds: 0, island: false }],
  ["confirmed", { event_id: "e", position: 3 }, { type: "confirmed", event_id: "e", position: 3, ticks: [] }],
  ["confirmed", { event_id: "e" }, { type: "unknown", name: "confirmed" }],
  ["change", { type: "X" }, { type: "unknown", name: "change" }],
  [
    "change",
    {
      event_id: "e",
      type: "X",
      at: "t",
      site: "vas",
      position: null,
      changes: [{ kind: "incident", id: "i1", resource: ID }, 7],
    },
    {
      type: "change",
      event_id: "e",
      event: "X",
      at: "t",
      site: "vas",
      position: null,
      durability: "site",
      changes: [{ kind: "incident", id: "i1", resource: ID }],
    },
  ],
  ["snapshot", { incidents: [] }, { type: "unknown", name: "snapshot" }],
  [
    "snapshot",
    { position: 9, incidents: [ID, { state: "no id" }, null], site: { code: "vas" } },
    {
      type: "snapshot",
      position: 9,
      incidents: [ID],
      units: [],
      operators: [],
      conflicts: [],
      centres: [],
      site: { code: "vas" },
    },
  ],
  ["notice", { kind: "island", on: true }, { type: "notice", kind: "island", data: { kind: "island", on: true } }],
  ["notice", { kind: "island", data: { on: true } }, { type: "notice", kind: "island", data: { on: true } }],
  ["notice", {}, { type: "unknown", name: "notice" }],
  ["later", { a: 1 }, { type: "unknown", name: "later" }],
])("%s %j", (name, data, frame) => {
  expect(decodeFrame(name, JSON.stringify(data))).toEqual(frame);
});

test.each(["{", "[]", "null", "3", '"text"'])("data that is no object is not understood: %s", (data) => {
  expect(decodeFrame("heartbeat", data)).toEqual({ type: "unknown", name: "heartbeat" });
});

test("resync needs no data", () => {
  expect(decodeFrame("resync", "")).toEqual({ type: "resync" });
});

test("positions: several, one, or none of a notice that is about something else", () => {
  const at = { unit_id: "u1", latitude: 1, longitude: 2, at: "t" };
  expect(
    observedPositions({ type: "notice", kind: "positions", data: { positions: [at, { unit_id: "u2" }] } }),
  ).toEqual([at]);
  expect(observedPositions({ type: "notice", kind: "position", data: at })).toEqual([at]);
  expect(observedPositions({ type: "notice", kind: "island", data: at })).toEqual([]);
});
