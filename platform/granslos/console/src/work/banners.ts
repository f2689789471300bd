/** What must be said above all lists: where you are, how old the picture is, what does not work. Pure. */

import type { Centre, Desk } from "../contract/views";
import type { Board } from "../feed/board";
import { ISLAND_BANNER_MS } from "../feed/limits";
import type { Outbox } from "../feed/outbox";
import type { Link } from "../feed/protocol";
import { DATA_RED_SECONDS } from "./timers";

export type Severity = "alarm" | "warning" | "notice";

/** One line; which one it is decides the words. `key` stays the same while it is about the same thing. */
export type Banner = { key: string; severity: Severity } & (
  | { kind: "offline"; seconds: number; isLoaded: boolean }
  | { kind: "away"; site: string; home: string; homeAnswers: boolean }
  | { kind: "island"; site: string; seconds: number }
  | { kind: "unticked"; count: number; seconds: number }
  | { kind: "stranded"; site: string; ids: string[] }
  | { kind: "oldData"; seconds: number }
  | { kind: "conflicts"; count: number }
  | { kind: "deskSilent"; centre: string; centreName: string; desk: string; site: string; isPending: boolean }
  | { kind: "deskMoved"; centre: string; centreName: string; desk: string; site: string; since: string | null }
  | { kind: "notUnderstood"; count: number }
);

export interface Situation {
  board: Board;
  link: Link;
  outbox: Outbox;
  /** On the clock of `sharedNow`. */
  now: number;
}

/** A dial takes a moment; only longer ones are worth a line. */
const OFFLINE_MS = 500;

const ORDER: Record<Severity, number> = { alarm: 0, warning: 1, notice: 2 };

/** The lines, the gravest first. */
export function bannersOf({ board, link, outbox, now }: Situation): Banner[] {
  const lines = [
    ...offline(board, link, now),
    ...conflicts(board),
    ...island(board, link, now),
    ...desks(board),
    ...away(link),
    ...unticked(outbox, now),
    ...stranded(board),
    ...oldData(board, link),
    ...notUnderstood(board),
  ];
  return lines.sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
}

function offline(board: Board, link: Link, now: number): Banner[] {
  const heardAt = board.beat?.heardAt ?? link.since;
  if (link.phase === "live" || now - link.since < OFFLINE_MS) return [];
  const seconds = Math.round((now - heardAt) / 1000);
  return [{ key: "offline", severity: "alarm", kind: "offline", seconds, isLoaded: board.isLoaded }];
}

function away(link: Link): Banner[] {
  if (!link.isAway || link.phase !== "live") return [];
  const { name: site } = link.site;
  return [
    { key: "away", severity: "warning", kind: "away", site, home: link.home.name, homeAnswers: link.homeAnswers },
  ];
}

/** An election of the LOG's leader may take 9 s and is no island: no crying wolf before 10 s. */
function island(board: Board, link: Link, now: number): Banner[] {
  if (board.islandSince === null || now - board.islandSince < ISLAND_BANNER_MS) return [];
  const seconds = Math.round((now - board.islandSince) / 1000);
  return [{ key: "island", severity: "alarm", kind: "island", site: link.site.name, seconds }];
}

function unticked(outbox: Outbox, now: number): Banner[] {
  const waiting = outbox.filter(({ state, answeredAt }) => state === "site" && answeredAt !== null);
  const oldest = Math.min(...waiting.map(({ answeredAt }) => answeredAt ?? now));
  if (waiting.length === 0 || now - oldest < ISLAND_BANNER_MS) return [];
  const seconds = Math.round((now - oldest) / 1000);
  return [{ key: "unticked", severity: "warning", kind: "unticked", count: waiting.length, seconds }];
}

function stranded(board: Board): Banner[] {
  const bySite = new Map<string, string[]>();
  for (const [id, { site }] of board.stranded) bySite.set(site, [...(bySite.get(site) ?? []), id]);
  return [...bySite].map(([site, ids]) => ({
    key: `stranded:${site}`,
    severity: "alarm",
    kind: "stranded",
    site,
    ids,
  }));
}

function oldData(board: Board, link: Link): Banner[] {
  const seconds = Math.round(board.beat?.dataAgeSeconds ?? 0);
  if (link.phase !== "live" || board.islandSince !== null || seconds < DATA_RED_SECONDS) return [];
  return [{ key: "oldData", severity: "warning", kind: "oldData", seconds }];
}

function conflicts(board: Board): Banner[] {
  const grave = [...board.conflicts.values()].filter(({ level }) => level === 1);
  return grave.length === 0 ? [] : [{ key: "conflicts", severity: "alarm", kind: "conflicts", count: grave.length }];
}

function desks(board: Board): Banner[] {
  const centres = [...board.centres.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
  return centres.flatMap((centre) => Object.values(centre.desks).flatMap((desk) => deskBanner(centre, desk)));
}

function deskBanner(centre: Centre, desk: Desk): Banner[] {
  const about = { centre: centre.code, centreName: centre.name, desk: desk.desk, site: desk.authority };
  const key = `${centre.code}:${desk.desk}`;
  if (desk.reachable === false) {
    const isPending = desk.takeover_pending === true;
    return [{ key: `silent:${key}`, severity: "alarm", kind: "deskSilent", ...about, isPending }];
  }
  if (desk.authority === centre.site) return [];
  return [{ key: `moved:${key}`, severity: "notice", kind: "deskMoved", ...about, since: desk.since ?? null }];
}

function notUnderstood(board: Board): Banner[] {
  if (board.notUnderstood === 0) return [];
  return [{ key: "notUnderstood", severity: "notice", kind: "notUnderstood", count: board.notUnderstood }];
}
