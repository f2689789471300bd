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
  ["centres", { centres: [] }, { type: "notice", kind: "centres", data: { centres: [] } }],
  ["later", { a: 1 }, { type: "notice", kind: "later", data: { a: 1 } }],
])("%s %j", (name, data, frame) => {
  expect(decodeFrame(name, JSON.stringify(data))).toEqual(frame);
});

test.each(["{", "[]", "null", "3", '"text"'])("data that is no object is not understood: %s", (data) => {
  expect(decodeFrame("heartbeat", data)).toEqual({ type: "unknown", name: "heartbeat" });
});

test("resync needs no data", () => {
  expect(decodeFrame("resync", "")).toEqual({ type: "resync" });
});

test("positions: those that can be read, and none of another notice", () => {
  const at = { unit_id: "u1", latitude: 1, longitude: 2, at: "t" };
  const data = { positions: [at, { unit_id: "u2" }, null] };
  expect(observedPositions({ type: "notice", kind: "positions", data })).toEqual([at]);
  expect(observedPositions({ type: "notice", kind: "positions", data: {} })).toEqual([]);
  expect(observedPositions({ type: "notice", kind: "centres", data })).toEqual([]);
});
