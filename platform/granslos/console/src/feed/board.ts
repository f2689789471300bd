/**
 * The picture of all incidents, units, desks and clashes: a fold of the feed's frames.
 *
 * Pure. An event that was seen before is no news, but its views are taken: they are what the site shows now. A snapshot
 * replaces the picture as a whole, so that an empty list is never shown as if it were true; what only the site left behind
 * knew stays in sight as `stranded`.
 */

import {
  AGAIN,
  type Change,
  type Confirmed,
  type Frame,
  identified,
  type Notice,
  observedPositions,
  type Refreshed,
  type Snapshot,
  type Ticked,
} from "../contract/frames";
import type { Centre, Conflict, Incident, Operator, Resource, SiteState, Unit, UnitPosition } from "../contract/views";
import { CLOSED_INCIDENTS_MAX, SEEN_EVENTS_MAX } from "./limits";

export interface Stranded {
  incident: Incident;
  /** Code of the site that alone had it. */
  site: string;
}

export interface Beat {
  at: string;
  position: number;
  dataAgeSeconds: number;
  isIsland: boolean;
  /** Milliseconds of the clock that the fold is given. */
  heardAt: number;
}

export interface Board {
  /** False until the first snapshot. */
  isLoaded: boolean;
  /** Code of the site whose picture it is. */
  site: string | null;
  position: number;
  incidents: ReadonlyMap<string, Incident>;
  units: ReadonlyMap<string, Unit>;
  operators: ReadonlyMap<string, Operator>;
  /** The open ones: an acknowledged or withdrawn clash leaves the picture. */
  conflicts: ReadonlyMap<string, Conflict>;
  centres: ReadonlyMap<string, Centre>;
  siteState: SiteState | null;
  beat: Beat | null;
  /** Since when the site has called itself an island, on the fold's clock; null when it does not. */
  islandSince: number | null;
  /** Event id -> LOG position, null while the event is at one site only. */
  seen: ReadonlyMap<string, number | null>;
  /** Events that are at one site only. */
  pending: ReadonlySet<string>;
  stranded: ReadonlyMap<string, Stranded>;
  doubles: number;
  notUnderstood: number;
}

export const EMPTY_BOARD: Board = {
  isLoaded: false,
  site: null,
  position: 0,
  incidents: new Map(),
  units: new Map(),
  operators: new Map(),
  conflicts: new Map(),
  centres: new Map(),
  siteState: null,
  beat: null,
  islandSince: null,
  seen: new Map(),
  pending: new Set(),
  stranded: new Map(),
  doubles: 0,
  notUnderstood: 0,
};

/** The places a change may touch, by its kind. */
const COLLECTIONS = {
  incident: "incidents",
  unit: "units",
  operator: "operators",
  conflict: "conflicts",
  centre: "centres",
} as const;
type Collection = (typeof COLLECTIONS)[keyof typeof COLLECTIONS];

const collectionOf = (kind: string): Collection | null =>
  kind in COLLECTIONS ? COLLECTIONS[kind as keyof typeof COLLECTIONS] : null;

/** A board while a batch of frames is folded: each map is copied at most once. */
class Draft {
  private copied = new Set<keyof Board>();
  private board: Board;

  constructor(board: Board) {
    this.board = { ...board };
  }

  get current(): Board {
    return this.board;
  }

  set<K extends keyof Board>(key: K, value: Board[K]): void {
    this.board[key] = value;
    this.copied.delete(key);
  }

  map<T>(key: "incidents" | "units" | "operators" | "conflicts" | "centres" | "seen" | "stranded"): Map<string, T> {
    if (!this.copied.has(key)) {
      this.copied.add(key);
      (this.board as unknown as Record<string, unknown>)[key] = new Map(
        this.board[key] as ReadonlyMap<string, unknown>,
      );
    }
    return this.board[key] as unknown as Map<string, T>;
  }

  pending(): Set<string> {
    if (!this.copied.has("pending")) {
      this.copied.add("pending");
      this.board.pending = new Set(this.board.pending);
    }
    return this.board.pending as Set<string>;
  }
}

/** Folds frames of `site` in order. `now` is in milliseconds of any one clock that does not go back. */
export function applyFrames(board: Board, frames: readonly Frame[], site: string, now: number): Board {
  const draft = new Draft(board);
  for (const frame of frames) applyFrame(draft, frame, site, now);
  return draft.current;
}

function applyFrame(draft: Draft, frame: Frame, site: string, now: number): void {
  switch (frame.type) {
    case "snapshot":
      return applySnapshot(draft, frame, site);
    case "change":
      return applyChange(draft, frame);
    case "confirmed":
      return applyConfirmed(draft, frame);
    case "heartbeat":
      draft.set("beat", {
        at: frame.at,
        position: frame.position,
        dataAgeSeconds: frame.data_age_seconds,
        isIsland: frame.island,
        heardAt: now,
      });
      return draft.set("islandSince", frame.island ? (draft.current.islandSince ?? now) : null);
    case "notice":
      return applyNotice(draft, frame);
    case "resumed":
      return draft.set("site", site);
    case "refreshed":
      return applyRefreshed(draft, frame);
    case "resync":
      return;
    case "unknown":
      return draft.set("notUnderstood", draft.current.notUnderstood + 1);
  }
}

const byId = <T extends { id: string }>(items: readonly T[]): Map<string, T> =>
  new Map(items.map((item) => [item.id, item]));

function applySnapshot(draft: Draft, frame: Snapshot, site: string): void {
  const before = draft.current;
  const incidents = byId(frame.incidents);
  draft.set("stranded", strandedAfter(before, incidents, site));
  draft.set("isLoaded", true);
  draft.set("site", site);
  draft.set("position", frame.position);
  draft.set("incidents", incidents);
  draft.set("units", withKnownPositions(byId(frame.units), before.units));
  draft.set("operators", byId(frame.operators));
  draft.set("conflicts", byId(frame.conflicts.filter(isOpenConflict)));
  draft.set("centres", byId(frame.centres));
  if (frame.site !== null) draft.set("siteState", frame.site);
  // Pending events of before are in the snapshot, or known to the site left behind only.
  draft.set("pending", new Set());
}

/** What the site left behind had not shared, and the new one does not know (or knows less of). */
function strandedAfter(before: Board, incidents: ReadonlyMap<string, Incident>, site: string): Map<string, Stranded> {
  const made = new Map(before.stranded);
  const left = before.site;
  if (left !== null && left !== site) {
    const alone = [...before.incidents.values()].filter((item) => item.durability === "site" && !isClosed(item));
    for (const incident of alone) made.set(incident.id, { incident, site: left });
  }
  for (const [id, { incident, site: origin }] of made) {
    if (origin === site || isKnown(incidents.get(id), incident)) made.delete(id);
  }
  return made;
}

const isKnown = (known: Incident | undefined, incident: Incident): boolean =>
  known !== undefined && (known.version ?? 0) >= (incident.version ?? 0);

function withKnownPositions(units: Map<string, Unit>, before: ReadonlyMap<string, Unit>): Map<string, Unit> {
  for (const unit of units.values()) {
    const known = before.get(unit.id)?.last_position;
    if (known) units.set(unit.id, { ...unit, last_position: newer(unit.last_position, known) });
  }
  return units;
}

function applyChange(draft: Draft, frame: Change): void {
  if (!frame.event_id.endsWith(AGAIN)) noteEvent(draft, frame);
  putAll(draft, frame);
}

/** Counts an event as news, once. */
function noteEvent(draft: Draft, { event_id: eventId, position }: Change): void {
  if (draft.current.seen.has(eventId)) {
    draft.set("doubles", draft.current.doubles + 1);
    if (position !== null) tickOff(draft, eventId, position);
    return;
  }
  remember(draft, eventId, position);
  if (position === null) draft.pending().add(eventId);
  else advance(draft, position);
}

function putAll(draft: Draft, frame: Change): void {
  for (const { kind, id, resource } of frame.changes) {
    const collection = collectionOf(kind);
    if (collection !== null && typeof resource === "object" && resource !== null) {
      put(draft, collection, { ...(resource as Resource), id });
    }
  }
}

function put(draft: Draft, collection: Collection, resource: Resource): void {
  if (collection === "units") {
    // The live overlay (positions, grey) comes by other ways than the unit's own events.
    const known = draft.current.units.get(resource.id);
    const { last_position, grey, assignable } = known ?? {};
    const overlay = { last_position, grey, assignable };
    const kept = Object.fromEntries(
      Object.entries(overlay).filter(([, value]) => value !== undefined && value !== null),
    );
    draft.map<Resource>("units").set(resource.id, { ...kept, ...resource });
    return;
  }
  if (collection === "conflicts" && !isOpenConflict(resource as Conflict)) {
    draft.map("conflicts").delete(resource.id);
    return;
  }
  draft.map<Resource>(collection).set(resource.id, resource);
  if (collection === "incidents") noteIncident(draft, resource as Incident);
}

function noteIncident(draft: Draft, incident: Incident): void {
  const stranded = draft.current.stranded.get(incident.id);
  if (stranded !== undefined && isKnown(incident, stranded.incident)) {
    draft.map("stranded").delete(incident.id);
  }
  if (isClosed(incident)) forgetOldClosed(draft);
}

/** A clash is open in this one state: `acknowledged`, `withdrawn` and what may come with newer sites are not. */
const isOpenConflict = (conflict: Conflict): boolean => conflict.state === "open";

/** Tells whether an incident has a clash that nobody has settled; it names settled ones too. */
export const hasOpenConflict = (board: Board, incident: Incident | undefined): boolean =>
  (incident?.conflicts ?? []).some((id) => board.conflicts.has(id));

const isClosed = (incident: Incident): boolean => incident.state === "closed" || incident.state === "merged";

function forgetOldClosed(draft: Draft): void {
  const closed = [...draft.current.incidents.values()].filter(isClosed);
  if (closed.length <= CLOSED_INCIDENTS_MAX) return;
  closed.sort((a, b) => (a.t_closed ?? "").localeCompare(b.t_closed ?? ""));
  const incidents = draft.map<Incident>("incidents");
  for (const incident of closed.slice(0, closed.length - CLOSED_INCIDENTS_MAX)) incidents.delete(incident.id);
}

function applyConfirmed(draft: Draft, frame: Confirmed): void {
  if (draft.current.seen.has(frame.event_id)) tickOff(draft, frame.event_id, frame.position);
  else remember(draft, frame.event_id, frame.position);
  advance(draft, frame.position);
  for (const tick of frame.ticks) applyTick(draft, tick);
}

function applyTick(draft: Draft, tick: Ticked): void {
  const collection = collectionOf(tick.kind);
  if (collection === null) return;
  const known = draft.current[collection].get(tick.id) as Resource | undefined;
  if (known === undefined) return;
  const { durability, position, version } = tick;
  draft.map<Resource>(collection).set(tick.id, { ...known, durability, position, version });
}

function applyNotice(draft: Draft, frame: Notice): void {
  if (frame.kind === "centres" && Array.isArray(frame.data.centres)) {
    draft.set("centres", byId(identified<Centre>(frame.data.centres)));
  }
  for (const { unit_id, latitude, longitude, at } of observedPositions(frame)) {
    const unit = draft.current.units.get(unit_id);
    if (unit) {
      const last_position = newer(unit.last_position, { latitude, longitude, at });
      draft.map<Unit>("units").set(unit_id, { ...unit, last_position });
    }
  }
}

function applyRefreshed(draft: Draft, frame: Refreshed): void {
  if (frame.site !== null) draft.set("siteState", frame.site);
  if (frame.centres !== null) draft.set("centres", byId(frame.centres));
  for (const { id, assignable, grey, last_position } of frame.units ?? []) {
    const unit = draft.current.units.get(id);
    if (unit === undefined) continue;
    const overlay = { assignable, grey, last_position: newer(unit.last_position, last_position) };
    const said = Object.entries(overlay).filter(([, value]) => value !== undefined && value !== null);
    draft.map<Unit>("units").set(id, { ...unit, ...Object.fromEntries(said) });
  }
}

function newer(a: UnitPosition | null | undefined, b: UnitPosition | null | undefined): UnitPosition | null {
  if (!a || !b) return a ?? b ?? null;
  return Date.parse(b.at) > Date.parse(a.at) ? b : a;
}

function tickOff(draft: Draft, eventId: string, position: number): void {
  if (draft.current.seen.get(eventId) === null) draft.map<number | null>("seen").set(eventId, position);
  if (draft.current.pending.has(eventId)) draft.pending().delete(eventId);
  advance(draft, position);
}

function advance(draft: Draft, position: number): void {
  if (position > draft.current.position) draft.set("position", position);
}

function remember(draft: Draft, eventId: string, position: number | null): void {
  const seen = draft.map<number | null>("seen");
  seen.set(eventId, position);
  if (seen.size > SEEN_EVENTS_MAX) {
    const oldest = seen.keys().next().value;
    if (oldest !== undefined) seen.delete(oldest);
  }
}

/** Tells whether anything in the picture is at one site only; then another site cannot resume it, only replace it. */
export function hasPending(board: Board): boolean {
  if (board.pending.size > 0) return true;
  for (const incident of board.incidents.values())
    if (incident.durability === "site" && !isClosed(incident)) return true;
  for (const unit of board.units.values()) if (unit.durability === "site") return true;
  return false;
}
