/**
 * Which site the console listens to: a pure machine, (state, input) -> state and effects.
 *
 * It never waits for a connection to close: a site that says nothing for `SILENCE_MS` is abandoned and the next one dialled
 * at once. Every connection has an attempt number, and what an abandoned attempt still says is not heard.
 */

import {
  CONNECT_MS,
  RETRY_MS,
  RETRY_MS_MAX,
  RETURN_MS,
  RETURN_MS_MAX,
  SETTLED_MS,
  SILENCE_MS,
  STALL_MS,
} from "./limits";

export interface Site {
  code: string;
  name: string;
  /** Origin of its HTTP API, without a slash at the end. */
  http: string;
}

export type Phase = "stopped" | "dialling" | "live" | "waiting" | "refused";

/** Why the console left a site. */
export type Cause = "silent" | "no_answer" | "broken" | "unfit" | "refused" | "resync" | "return" | "chosen";

export interface Session {
  /** Home first; the order in which they are tried. */
  sites: readonly Site[];
  /** Index of the site in use. */
  at: number;
  phase: Phase;
  attempt: number;
  /** When the attempt began, when it was last heard, and the last look; milliseconds of one monotonic clock. */
  openedAt: number;
  heardAt: number;
  lookedAt: number;
  /** Sites in a row that did not work; a whole round of them is followed by a pause. */
  failures: number;
  /** How many of these refused the token. */
  refusals: number;
  retryAt: number;
  lastCause: Cause | null;
  /** Since when home has answered every question while the console was away; null when it did not. */
  homeAnswersSince: number | null;
  /** How long home must answer before the console goes back. */
  returnAfter: number;
  /** When the console came back home. */
  homeSince: number;
}

export type Input =
  | { type: "start" }
  | { type: "stop" }
  | { type: "tick"; jitter: number }
  | { type: "heard"; attempt: number }
  | { type: "failed"; attempt: number }
  | { type: "refused"; attempt: number }
  | { type: "resync"; attempt: number }
  | { type: "unfit"; code: string }
  | { type: "probed"; isAlive: boolean }
  | { type: "go"; code: string };

export type Effect =
  | { type: "open"; attempt: number; site: Site; fresh: boolean }
  | { type: "abandon"; attempt: number; cause: Cause };

export interface Step {
  session: Session;
  effects: Effect[];
}

/** Begins with the home site first. Without any site it throws: the page itself came from one. */
export function createSession(sites: readonly Site[], homeCode: string): Session {
  const home = sites.filter((site) => site.code === homeCode);
  const ordered = [...home, ...sites.filter((site) => site.code !== homeCode)];
  if (ordered.length === 0) throw new Error("no site to talk to");
  return {
    sites: ordered,
    at: 0,
    phase: "stopped",
    attempt: 0,
    openedAt: 0,
    heardAt: 0,
    lookedAt: 0,
    failures: 0,
    refusals: 0,
    retryAt: 0,
    lastCause: null,
    homeAnswersSince: null,
    returnAfter: RETURN_MS,
    homeSince: 0,
  };
}

export function siteOf(session: Session): Site {
  const site = session.sites[session.at];
  if (site === undefined) throw new Error("the session stands at no site");
  return site;
}

export const isAway = (session: Session): boolean => session.at !== 0;

const isActive = (session: Session, attempt: number): boolean =>
  attempt === session.attempt && (session.phase === "dialling" || session.phase === "live");

const still = (session: Session): Step => ({ session, effects: [] });

export function step(session: Session, input: Input, now: number): Step {
  switch (input.type) {
    case "start":
      return dial({ ...session, lookedAt: now, failures: 0, refusals: 0 }, session.at, now, true);
    case "stop":
      return stop(session);
    case "tick":
      return look(session, now, input.jitter);
    case "heard":
      return isActive(session, input.attempt) ? heard(session, now) : still(session);
    case "failed":
      return isActive(session, input.attempt) ? next(session, "broken", now) : still(session);
    case "refused":
      return isActive(session, input.attempt) ? refuse(session, now) : still(session);
    case "resync":
      return isActive(session, input.attempt) ? redial(session, session.at, "resync", now, true) : still(session);
    case "unfit":
      return unfit(session, input.code, now);
    case "probed":
      return still({ ...session, homeAnswersSince: input.isAlive ? (session.homeAnswersSince ?? now) : null });
    case "go":
      return go(session, input.code, now);
  }
}

function stop(session: Session): Step {
  const effects: Effect[] = isActive(session, session.attempt)
    ? [{ type: "abandon", attempt: session.attempt, cause: "chosen" }]
    : [];
  return { session: { ...session, phase: "stopped" }, effects };
}

function dial(session: Session, at: number, now: number, fresh: boolean): Step {
  const attempt = session.attempt + 1;
  const dialled: Session = { ...session, at, attempt, phase: "dialling", openedAt: now, heardAt: now };
  if (at === 0) dialled.homeAnswersSince = null;
  return { session: dialled, effects: [{ type: "open", attempt, site: siteOf(dialled), fresh }] };
}

/** Leaves the site in use for another (or the same) one, without waiting for anything. */
function redial(session: Session, at: number, cause: Cause, now: number, fresh = false): Step {
  const opened = dial({ ...session, lastCause: cause }, at, now, fresh);
  const left: Effect = { type: "abandon", attempt: session.attempt, cause };
  return { session: opened.session, effects: [left, ...opened.effects] };
}

function heard(session: Session, now: number): Step {
  const isNew = session.phase !== "live";
  const changed: Session = { ...session, phase: "live", heardAt: now, failures: 0, refusals: 0 };
  if (isNew && session.at === 0) changed.homeSince = now;
  return still(changed);
}

/** The site in use does not work: the next one, at once; after a whole round in vain, after a pause. */
function next(session: Session, cause: Cause, now: number): Step {
  const failed = failedHome(session, now);
  const failures = session.failures + 1;
  const at = (session.at + 1) % session.sites.length;
  const left: Effect = { type: "abandon", attempt: session.attempt, cause };
  const changed: Session = { ...failed, failures, lastCause: cause };
  if (failures % session.sites.length !== 0) {
    const opened = dial(changed, at, now, false);
    return { session: opened.session, effects: [left, ...opened.effects] };
  }
  const round = failures / session.sites.length;
  const pause = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (round - 1));
  return { session: { ...changed, at, phase: "waiting", retryAt: now + pause }, effects: [left] };
}

/** A home that fails soon after the console came back is trusted less; one that was long good, as at first. */
function failedHome(session: Session, now: number): Session {
  if (session.at !== 0 || session.phase !== "live") return session;
  const isSoon = now - session.homeSince < SETTLED_MS;
  const returnAfter = isSoon ? Math.min(RETURN_MS_MAX, session.returnAfter * 2) : RETURN_MS;
  return { ...session, returnAfter };
}

/** A token that one site refuses may be good at another; only when all refuse it is the person asked. */
function refuse(session: Session, now: number): Step {
  const refusals = session.refusals + 1;
  if (refusals < session.sites.length) return next({ ...session, refusals }, "refused", now);
  const left: Effect = { type: "abandon", attempt: session.attempt, cause: "refused" };
  return { session: { ...session, refusals, phase: "refused", lastCause: "refused" }, effects: [left] };
}

/** A site that beats but cannot do its work. With no other site there is nowhere to go. */
function unfit(session: Session, code: string, now: number): Step {
  const isThere = isActive(session, session.attempt) && siteOf(session).code === code;
  if (!isThere || session.sites.length === 1) return still(session);
  return next(session, "unfit", now);
}

function go(session: Session, code: string, now: number): Step {
  const at = session.sites.findIndex((site) => site.code === code);
  if (at < 0 || session.phase === "stopped" || session.phase === "refused") return still(session);
  if (at === session.at && session.phase === "live") return still(session);
  return redial(session, at, "chosen", now);
}

function look(session: Session, now: number, jitter: number): Step {
  const gap = now - session.lookedAt;
  const slept = gap > STALL_MS ? gap : 0;
  const seen: Session = {
    ...session,
    lookedAt: now,
    heardAt: session.heardAt + slept,
    openedAt: session.openedAt + slept,
  };
  if (seen.phase === "waiting") {
    return now >= seen.retryAt + jitter * RETRY_MS ? dial(seen, seen.at, now, false) : still(seen);
  }
  if (seen.phase === "dialling") return now - seen.openedAt >= CONNECT_MS ? next(seen, "no_answer", now) : still(seen);
  if (seen.phase !== "live") return still(seen);
  if (now - seen.heardAt >= SILENCE_MS) return next(seen, "silent", now);
  const since = seen.homeAnswersSince;
  if (isAway(seen) && since !== null && now - since >= seen.returnAfter) return redial(seen, 0, "return", now);
  return still(seen);
}
