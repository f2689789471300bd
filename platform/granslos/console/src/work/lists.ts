/** Which incidents and units stand in which list, in which order. Pure. */

import type { Incident, Unit } from "../contract/views";
import { needsUnit, rankOf, type Scale } from "./priorities";

export interface Row {
  id: string;
  group: string;
}

const CLOSED = new Set(["closed", "merged", "referred", "completed"]);

const byTime = (a: string | null | undefined, b: string | null | undefined): number =>
  (a ? Date.parse(a) : 0) - (b ? Date.parse(b) : 0);
const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

const isHeld = (incident: Incident): boolean => incident.state === "answered" || incident.state === "parked";

/** Ringing calls, the one that has waited longest first; then those held: mine first, then in order of answering. */
export function callRows(incidents: Iterable<Incident>, me: string | null): Row[] {
  const all = [...incidents];
  const offered = all.filter((incident) => incident.state === "offered");
  offered.sort((a, b) => byTime(a.t_offered, b.t_offered) || byId(a, b));
  const isMine = (incident: Incident) => Number(me === null || incident.answered_by !== me);
  const held = all.filter(isHeld);
  held.sort((a, b) => isMine(a) - isMine(b) || byTime(a.t_answered, b.t_answered) || byId(a, b));
  return [
    ...offered.map(({ id }) => ({ id, group: "offered" })),
    ...held.map((incident) => ({ id: incident.id, group: isMine(incident) === 0 ? "mine" : "held" })),
  ];
}

/**
 * The waiting room: overdue ones first, then by priority, then by when they are to be looked at again. Below it those that
 * need a unit and are not in it yet, and those that have one.
 */
export function waitingRows(incidents: Iterable<Incident>, scale: Scale, now: number): Row[] {
  const groups = new Map<string, Incident[]>([
    ["waiting", []],
    ["needsUnit", []],
    ["assigned", []],
    ["completed", []],
  ]);
  for (const incident of incidents) groups.get(waitingGroup(incident, scale) ?? "")?.push(incident);
  const rows: Row[] = [];
  for (const [group, members] of groups) {
    members.sort((a, b) => compareWaiting(a, b, scale, now));
    rows.push(...members.map(({ id }) => ({ id, group })));
  }
  return rows;
}

function waitingGroup(incident: Incident, scale: Scale): string | null {
  if (incident.state === "waiting") return "waiting";
  if (incident.state === "assigned") return "assigned";
  if (incident.state === "completed") return "completed";
  return isHeld(incident) && needsUnit(scale, incident.priority) ? "needsUnit" : null;
}

export function isOverdue(incident: Incident, now: number): boolean {
  const due = incident.review_due_at ? Date.parse(incident.review_due_at) : Number.NaN;
  return !Number.isNaN(due) && due <= now;
}

function compareWaiting(a: Incident, b: Incident, scale: Scale, now: number): number {
  const [aDue, bDue] = [a.review_due_at, b.review_due_at].map((due) =>
    due ? Date.parse(due) : Number.MAX_SAFE_INTEGER,
  );
  return (
    Number(isOverdue(b, now)) - Number(isOverdue(a, now)) ||
    rankOf(scale, a.priority) - rankOf(scale, b.priority) ||
    (aDue ?? 0) - (bDue ?? 0) ||
    byId(a, b)
  );
}

export const isOpen = (incident: Incident): boolean => !CLOSED.has(incident.state);

/** How free a unit is: it can go, is on its way or at work, or is not to be had. */
export type Freedom = "free" | "busy" | "off";

export function freedomOf(unit: Unit): Freedom {
  if (unit.state === "out_of_service" || unit.state === "off_duty") return "off";
  return unit.assignment?.active || unit.incident_id ? "busy" : "free";
}

/** Grey: its dispatch desk's site is silent, so that it can be seen but not assigned. */
export const isGrey = (unit: Unit): boolean =>
  unit.grey === true || (unit.assignable === false && freedomOf(unit) !== "off");

const FREEDOM_ORDER: Record<Freedom, number> = { free: 0, busy: 1, off: 2 };

/** Units by centre, one's own first; in each: emergencies, then free ones, then busy ones, then the rest. */
export function unitRows(units: Iterable<Unit>, ownCentre: string | null): Row[] {
  const collator = new Intl.Collator("sv", { numeric: true });
  const sorted = [...units].sort(
    (a, b) =>
      Number(b.centre === ownCentre) - Number(a.centre === ownCentre) ||
      collator.compare(a.centre, b.centre) ||
      Number(Boolean(b.emergency_since)) - Number(Boolean(a.emergency_since)) ||
      FREEDOM_ORDER[freedomOf(a)] - FREEDOM_ORDER[freedomOf(b)] ||
      collator.compare(a.id, b.id),
  );
  return sorted.map(({ id, centre }) => ({ id, group: centre }));
}

export interface Stable {
  rows: Row[];
  /** Ids that wait for a place above or between the rows; shown as "N new". */
  queued: string[];
  /** Ids still shown that have left the list. */
  gone: ReadonlySet<string>;
}

/**
 * What to show when a list changes. While `isHeld` (a person is in it) no shown row moves: those that left stay as ghosts,
 * new ones may only be added at the very end, others queue.
 */
export function stableRows(shown: readonly Row[], wanted: readonly Row[], isHeldStill: boolean): Stable {
  if (!isHeldStill) return { rows: [...wanted], queued: [], gone: new Set() };
  const isShown = new Set(shown.map(({ id }) => id));
  const isWanted = new Set(wanted.map(({ id }) => id));
  // Only what follows every shown row in the wanted order, ghosts' groups included, can be added without moving one.
  const groups = [...new Set(wanted.map(({ group }) => group))];
  const lastGroup = Math.max(...shown.map(({ group }) => groups.indexOf(group)), -1);
  const lastShown = wanted.findLastIndex(({ id }) => isShown.has(id));
  const tail = wanted.slice(lastShown + 1).filter(({ group }) => groups.indexOf(group) >= lastGroup);
  const added = new Set(tail.map(({ id }) => id));
  return {
    rows: [...shown, ...tail],
    queued: wanted.filter(({ id }) => !isShown.has(id) && !added.has(id)).map(({ id }) => id),
    gone: new Set(shown.filter(({ id }) => !isWanted.has(id)).map(({ id }) => id)),
  };
}
