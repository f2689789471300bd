/** Frames of `GET /v1/feed`, as the console understands them. Decoding never throws: what is not understood is counted. */

import type { Centre, Conflict, Durability, Incident, Instant, Operator, SiteState, Unit, UnitPosition } from "./views";

export interface Snapshot {
  type: "snapshot";
  position: number;
  incidents: Incident[];
  units: Unit[];
  operators: Operator[];
  conflicts: Conflict[];
  centres: Centre[];
  site: SiteState | null;
}

export interface Changed {
  kind: string;
  id: string;
  resource: unknown;
}

export interface Change {
  type: "change";
  event_id: string;
  event: string;
  at: Instant;
  site: string;
  position: number | null;
  durability: Durability;
  changes: Changed[];
}

/** Ends the event id of a change that brings newer views of what was sent before it: never news. */
export const AGAIN = "~again";

export interface Ticked {
  kind: string;
  id: string;
  durability: Durability;
  position: number | null;
  version: number;
}

export interface Confirmed {
  type: "confirmed";
  event_id: string;
  position: number;
  ticks: Ticked[];
}

export interface Heartbeat {
  type: "heartbeat";
  position: number;
  at: Instant;
  data_age_seconds: number;
  island: boolean;
}

/** A live announcement that is no event: desks, positions of units. `kind` is its name in the feed. */
export interface Notice {
  type: "notice";
  kind: string;
  data: Record<string, unknown>;
}

export interface Resync {
  type: "resync";
}

export interface Unknown {
  type: "unknown";
  name: string;
}

/** Not sent by a site: the console's own note that another site goes on where the last one stopped. */
export interface Resumed {
  type: "resumed";
}

/** Not sent by a site: what the console asked for besides, because it changes without events. */
export interface Refreshed {
  type: "refreshed";
  site: SiteState | null;
  centres: Centre[] | null;
  units: Unit[] | null;
}

export type Frame = Snapshot | Change | Confirmed | Heartbeat | Notice | Resync | Unknown | Resumed | Refreshed;

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const list = <T>(value: unknown): T[] => (Array.isArray(value) ? (value as T[]) : []);
const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** Items that carry an id; one without cannot be shown or replaced. */
export const identified = <T extends { id: string }>(value: unknown): T[] =>
  list<unknown>(value).filter((item): item is T => isFields(item) && typeof item.id === "string");

function snapshot(data: Fields): Frame {
  const position = number(data.position);
  if (position === null) return { type: "unknown", name: "snapshot" };
  return {
    type: "snapshot",
    position,
    incidents: identified<Incident>(data.incidents),
    units: identified<Unit>(data.units),
    operators: identified<Operator>(data.operators),
    conflicts: identified<Conflict>(data.conflicts),
    centres: identified<Centre>(data.centres),
    site: isFields(data.site) ? (data.site as unknown as SiteState) : null,
  };
}

function change(data: Fields): Frame {
  const eventId = text(data.event_id);
  if (eventId === null) return { type: "unknown", name: "change" };
  const position = number(data.position);
  return {
    type: "change",
    event_id: eventId,
    event: text(data.type) ?? "",
    at: text(data.at) ?? "",
    site: text(data.site) ?? "",
    position,
    durability: position === null ? "site" : "cluster",
    changes: list<unknown>(data.changes).filter(
      (item): item is Fields & Changed =>
        isFields(item) && typeof item.kind === "string" && typeof item.id === "string",
    ),
  };
}

function confirmed(data: Fields): Frame {
  const eventId = text(data.event_id);
  const position = number(data.position);
  if (eventId === null || position === null) return { type: "unknown", name: "confirmed" };
  return {
    type: "confirmed",
    event_id: eventId,
    position,
    ticks: list<Ticked>(data.ticks).filter(isFields) as Ticked[],
  };
}

function heartbeat(data: Fields): Frame {
  return {
    type: "heartbeat",
    position: number(data.position) ?? 0,
    at: text(data.at) ?? "",
    data_age_seconds: number(data.data_age_seconds) ?? 0,
    island: data.island === true,
  };
}

const DECODERS: Record<string, (data: Fields) => Frame> = {
  snapshot,
  change,
  confirmed,
  heartbeat,
  resync: () => ({ type: "resync" }),
};

/**
 * Reads one frame. A name that is no event of the contract is a live announcement (`centres`, `positions`, …): the newer the
 * site, the more of them. Data that is no JSON object, or lacks what its event needs, becomes `unknown`.
 */
export function decodeFrame(name: string, data: string): Frame {
  const decoder = DECODERS[name] ?? ((fields: Fields): Frame => ({ type: "notice", kind: name, data: fields }));
  try {
    const value: unknown = data === "" ? {} : JSON.parse(data);
    return isFields(value) ? decoder(value) : { type: "unknown", name };
  } catch {
    return { type: "unknown", name };
  }
}

export interface Observed extends UnitPosition {
  unit_id: string;
}

/** Positions of units in a notice; empty when it holds none. */
export function observedPositions(frame: Notice): Observed[] {
  if (frame.kind !== "positions") return [];
  return list<unknown>(frame.data.positions).filter(
    (item): item is Observed =>
      isFields(item) &&
      typeof item.unit_id === "string" &&
      typeof item.at === "string" &&
      typeof item.latitude === "number" &&
      typeof item.longitude === "number",
  );
}
