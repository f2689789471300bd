/**
 * Commands on their way: a pure fold. A command keeps its id for life, so that sending it again, to whatever site, has one
 * effect. What a person sees follows from answers only: pending, ✓ (site), ✓✓ (cluster), or no.
 */

import type { Answer, Problem } from "../contract/views";
import {
  COMMAND_DONE_MS,
  COMMAND_LOST_MAX,
  COMMAND_MS,
  COMMAND_RESEND_AGE_MS,
  COMMAND_RETRY_MS,
  COMMAND_TRIES_MAX,
  COMMANDS_MAX,
} from "./limits";

/** What a person asked for; `what` and `subject` are for people, `path` and `body` for the site. */
export interface Intent {
  what: string;
  subject: string;
  /** Commands to the same target are sent one after the other. */
  target: string;
  method: "POST" | "DELETE";
  path: string;
  body: Record<string, unknown>;
  timeoutMs?: number;
}

/**
 * `queued`: to be sent. `sent`: asked, no answer yet. `site`: ✓, fsynced at one site. `cluster`: ✓✓, at a majority.
 * `rejected`: the rules say no. `failed`: no site could do it. `held`: too old to be sent again without a person's word.
 */
export type CommandState = "queued" | "sent" | "site" | "cluster" | "rejected" | "failed" | "held";

export interface Command extends Intent {
  id: string;
  state: CommandState;
  /** Milliseconds since 1970: these survive a reload. */
  createdAt: number;
  sentAt: number;
  answeredAt: number | null;
  /** Site that it was last sent to, and the site whose ✓ it has. */
  sentTo: string | null;
  savedAt: string | null;
  position: number | null;
  eventIds: readonly string[];
  problem: Problem | null;
  tries: number;
  /** Sendings to the same site without an answer. */
  lost: number;
  /** Sites that answered that they cannot. */
  unfitSites: readonly string[];
  notBefore: number;
  /** To be asked again although it has its ✓: another site, or a missed tick. */
  isAskedAgain: boolean;
}

export type Outbox = readonly Command[];

export const isSettled = (command: Command): boolean => command.state === "cluster" || command.state === "rejected";
const isUnticked = (command: Command): boolean => ["queued", "sent", "site"].includes(command.state);

export function submit(outbox: Outbox, intent: Intent, id: string, now: number): Outbox {
  const command: Command = {
    ...intent,
    id,
    state: "queued",
    createdAt: now,
    sentAt: 0,
    answeredAt: null,
    sentTo: null,
    savedAt: null,
    position: null,
    eventIds: [],
    problem: null,
    tries: 0,
    lost: 0,
    unfitSites: [],
    notBefore: 0,
    isAskedAgain: false,
  };
  return [...outbox, command];
}

/** Takes back what a reloaded page had kept; what is known here already is newer. */
export function restore(outbox: Outbox, kept: readonly Command[]): Outbox {
  const known = new Set(outbox.map((command) => command.id));
  const added = kept.filter((command) => !known.has(command.id) && !isSettled(command));
  return [...outbox, ...added.map((command) => waitingAgain(command))].sort((a, b) => a.createdAt - b.createdAt);
}

/** A command whose answer can no longer come: it has to be asked again. */
function waitingAgain(command: Command): Command {
  if (command.state === "sent")
    return { ...command, state: command.savedAt === null ? "queued" : "site", isAskedAgain: true, notBefore: 0 };
  return command.state === "site" ? { ...command, isAskedAgain: true, notBefore: 0 } : command;
}

/** After a change of site, or a snapshot that may hide a tick: ask for everything un-ticked again. */
export function askAgain(outbox: Outbox): Outbox {
  return outbox.map((command) => (isUnticked(command) ? { ...waitingAgain(command), lost: 0 } : command));
}

/** Which commands to send to `site` now: in order, one at a time for each target. */
export function due(outbox: Outbox, now: number): Command[] {
  const blocked = new Set<string>();
  const made: Command[] = [];
  for (const command of outbox) {
    const wantsSending = command.state === "queued" || (command.state === "site" && command.isAskedAgain);
    if (wantsSending && !blocked.has(command.target) && now >= command.notBefore && !isTooOld(command, now)) {
      made.push(command);
    }
    if (wantsSending || command.state === "sent") blocked.add(command.target);
  }
  return made;
}

const isTooOld = (command: Command, now: number): boolean => now - command.createdAt >= COMMAND_RESEND_AGE_MS;

function change(outbox: Outbox, id: string, by: (command: Command) => Command): Outbox {
  return outbox.map((command) => (command.id === id ? by(command) : command));
}

export function sending(outbox: Outbox, id: string, site: string, now: number): Outbox {
  return change(outbox, id, (command) => ({
    ...command,
    state: "sent",
    sentAt: now,
    sentTo: site,
    tries: command.tries + 1,
    isAskedAgain: false,
  }));
}

export interface Reply {
  status: number;
  answer: Answer | null;
  problem: Problem | null;
}

/** What a 503 says of the command, by its code; any other says that this site cannot make it durable. */
const MEANING_OF_503: Record<string, Meaning> = { authority_silent: "no", outcome_unknown: "unknown" };

/** What a reply means: done, no, "ask again", or "this site cannot". */
export type Meaning = "done" | "no" | "unknown" | "unfit" | "refused";

export function meaningOf(reply: Reply): Meaning {
  if (reply.status >= 200 && reply.status < 300) return "done";
  if (reply.status === 401) return "refused";
  if (reply.status === 503) return MEANING_OF_503[reply.problem?.code ?? ""] ?? "unfit";
  if (reply.status === 504 || reply.status === 429 || reply.status === 408) return "unknown";
  if (reply.status >= 500) return "unfit";
  return "no";
}

/** Takes in an answer of `site`. `isConfirmed` tells whether an event is known to be in the LOG already. */
export function replied(
  outbox: Outbox,
  id: string,
  reply: Reply,
  site: string,
  at: { now: number; sites: readonly string[]; isConfirmed: (eventId: string) => boolean },
): Outbox {
  return change(outbox, id, (command) => {
    if (command.state === "cluster" || command.state === "rejected") return command;
    // Of a site left behind only a "done" still counts: it holds whatever the next one says.
    const isAwaited = command.state === "sent" && command.sentTo === site;
    if (!isAwaited && meaningOf(reply) !== "done") return command;
    switch (meaningOf(reply)) {
      case "done":
        return done(command, reply.answer, site, at);
      case "no":
        return { ...command, state: "rejected", answeredAt: at.now, problem: reply.problem };
      case "unfit":
        return unfit(command, reply.problem, site, at);
      case "unknown":
        return later(command, reply.problem, at.now);
      case "refused":
        return { ...later(command, reply.problem, at.now), tries: command.tries - 1 };
    }
  });
}

function done(
  command: Command,
  answer: Answer | null,
  site: string,
  at: { now: number; isConfirmed: (eventId: string) => boolean },
): Command {
  const eventIds = answer?.event_ids ?? command.eventIds;
  const isEverywhere = answer?.durability === "cluster" || (eventIds.length > 0 && eventIds.every(at.isConfirmed));
  return {
    ...command,
    state: isEverywhere ? "cluster" : "site",
    answeredAt: command.answeredAt ?? at.now,
    savedAt: answer?.site ?? site,
    position: answer?.position ?? null,
    eventIds,
    problem: null,
    lost: 0,
    tries: 0,
    isAskedAgain: false,
  };
}

const back = (command: Command): CommandState => (command.savedAt === null ? "queued" : "site");

function later(command: Command, problem: Problem | null, now: number): Command {
  if (command.tries >= COMMAND_TRIES_MAX) return { ...command, state: "failed", problem };
  return {
    ...command,
    state: back(command),
    isAskedAgain: true,
    notBefore: now + COMMAND_RETRY_MS * command.tries,
    problem,
  };
}

function unfit(
  command: Command,
  problem: Problem | null,
  site: string,
  at: { now: number; sites: readonly string[] },
): Command {
  const unfitSites = [...new Set([...command.unfitSites, site])];
  const hasOther = at.sites.some((code) => !unfitSites.includes(code));
  const made = { ...later(command, problem, at.now), unfitSites };
  return hasOther && made.state !== "failed" ? { ...made, notBefore: 0 } : made;
}

/** No answer came: a broken connection or a time-out. */
export function lost(outbox: Outbox, id: string, site: string, now: number): Outbox {
  return change(outbox, id, (command) =>
    command.state === "sent" && command.sentTo === site
      ? { ...later(command, command.problem, now), lost: command.lost + 1 }
      : command,
  );
}

/** Tells whether a site should be left because it does not do this command. */
export function isDoubtful(outbox: Outbox, id: string, site: string): boolean {
  const command = outbox.find((item) => item.id === id);
  if (command === undefined || command.state === "failed") return false;
  return command.lost >= COMMAND_LOST_MAX || command.unfitSites.at(-1) === site;
}

/** Ticks off what the LOG now has. */
export function confirmedEvents(outbox: Outbox, isConfirmed: (eventId: string) => boolean): Outbox {
  if (!outbox.some((command) => command.state === "site" && command.eventIds.length > 0)) return outbox;
  let hasChanged = false;
  const made = outbox.map((command) => {
    if (command.savedAt === null || command.state === "cluster" || command.eventIds.length === 0) return command;
    if (!command.eventIds.every(isConfirmed)) return command;
    hasChanged = true;
    return { ...command, state: "cluster" as const };
  });
  return hasChanged ? made : outbox;
}

/** Lets time pass: answers that can no longer come, commands too old, finished ones. */
export function tick(outbox: Outbox, now: number): Outbox {
  let hasChanged = false;
  const aged = outbox.map((command) => {
    const made = age(command, now);
    if (made !== command) hasChanged = true;
    return made;
  });
  const kept = aged.filter((command) => !isGone(command, now));
  if (kept.length === outbox.length && !hasChanged) return outbox;
  return bounded(kept);
}

function age(command: Command, now: number): Command {
  const waits = command.state === "queued" || (command.state === "site" && command.isAskedAgain);
  return waits && isTooOld(command, now) ? { ...command, state: "held", isAskedAgain: false } : command;
}

const isGone = (command: Command, now: number): boolean =>
  command.state === "cluster" && now - (command.answeredAt ?? command.createdAt) >= COMMAND_DONE_MS;

function bounded(outbox: Outbox): Outbox {
  const excess = outbox.length - COMMANDS_MAX;
  if (excess <= 0) return outbox;
  const gone = new Set(outbox.filter(isSettled).slice(0, excess));
  return outbox.filter((command) => !gone.has(command));
}

/** A person's word: send it again, with the same id, as if it were new. */
export function again(outbox: Outbox, id: string, now: number): Outbox {
  return change(outbox, id, (command) =>
    ["held", "failed"].includes(command.state)
      ? { ...command, state: "queued", createdAt: now, tries: 0, lost: 0, unfitSites: [], notBefore: 0, problem: null }
      : command,
  );
}

/** A person's word: take it out of sight. One that may still have an effect stays. */
export function dismiss(outbox: Outbox, id: string): Outbox {
  return outbox.filter((command) => command.id !== id || ["queued", "sent"].includes(command.state));
}

export const timeoutOf = (command: Intent): number => command.timeoutMs ?? COMMAND_MS;
