/** What a person can do. Keys, buttons and rows all end here. */

import * as commands from "../contract/commands";
import { applyFrames, EMPTY_BOARD } from "../feed/board";
import { BROWSER_CLOCK, BROWSER_WIRE } from "../feed/browser";
import { fetchRecommendations } from "../feed/calls";
import { type Connection, connect } from "../feed/connection";
import { readToken } from "../feed/identity";
import type { Command, Intent, Outbox } from "../feed/outbox";
import type { FromCore } from "../feed/protocol";
import { Drafts } from "../work/drafts";
import { dropToken, keepToken } from "./boot";
import { type Mode, store, type View } from "./store";

const OUTBOX_KEY = "granslos.outbox";

let connection: Connection | null = null;
let token = "";

// --- the connection ---------------------------------------------------------------------------------------------------

export function signIn(given: string): void {
  token = given.trim();
  keepToken(token);
  const { config } = store.get();
  const identity = readToken(token);
  const drafts = new Drafts(localStorage, identity.subject ?? "nobody", Date.now);
  store.set({ identity, drafts, isSignedIn: true, wasRefused: false, board: EMPTY_BOARD, link: null, outbox: [] });
  connection?.close();
  connection = connect({ sites: config.sites, home: config.site, token }, hear);
  const kept = readOutbox();
  if (kept.length > 0) connection.send({ type: "restore", commands: kept });
}

/** Ends the session at this window; `isRefused` when no site takes the token. Typed texts are kept then. */
export function signOut(isRefused = false): void {
  if (!isRefused) {
    store.get().drafts?.clear();
    sessionStorage.removeItem(OUTBOX_KEY);
  }
  connection?.close();
  connection = null;
  token = "";
  dropToken();
  store.set({ isSignedIn: false, wasRefused: isRefused, board: EMPTY_BOARD, link: null, mode: null, dialog: null });
}

export const leave = (): void => connection?.close();

function hear(message: FromCore): void {
  switch (message.type) {
    case "welcome":
      takeOutbox(message.outbox);
      return store.set({ board: message.board, link: message.link });
    case "frames":
      return store.set(({ board }) => ({ board: applyFrames(board, message.frames, message.site, message.at) }));
    case "link":
      store.set({ link: message.link });
      return message.link.phase === "refused" ? signOut(true) : undefined;
    case "outbox":
      return takeOutbox(message.outbox);
  }
}

function readOutbox(): Command[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(OUTBOX_KEY) ?? "[]");
    return Array.isArray(kept) ? (kept as Command[]) : [];
  } catch {
    return [];
  }
}

/** Keeps un-ticked commands over a reload, and gives the text of a refused note back to its field. */
function takeOutbox(outbox: Outbox): void {
  const { drafts, outbox: before } = store.get();
  for (const command of outbox) {
    const hasNewlyFailed =
      ["rejected", "failed"].includes(command.state) &&
      before.find(({ id }) => id === command.id)?.state !== command.state;
    if (hasNewlyFailed && command.what === "note") giveBack(drafts, command);
  }
  sessionStorage.setItem(OUTBOX_KEY, JSON.stringify(outbox));
  store.set({ outbox });
}

function giveBack(drafts: Drafts | null, command: Command): void {
  const field = noteField(command.subject);
  if (drafts?.read(field) === "" && typeof command.body.text === "string") drafts.write(field, command.body.text);
}

export const noteField = (incident: string): string => `note:${incident}`;

/** A random id (RFC 9562, version 4); `crypto.randomUUID` exists on trusted origins only. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function submit(intent: Intent): void {
  store.set({ mode: null });
  connection?.send({ type: "submit", id: newId(), intent });
}

export const sendAgain = (id: string): void => connection?.send({ type: "again", id });
export const dismiss = (id: string): void => connection?.send({ type: "dismiss", id });
export const goTo = (code: string): void => connection?.send({ type: "go", code });
export const refresh = (): void => connection?.send({ type: "refresh" });

// --- looking ----------------------------------------------------------------------------------------------------------

export const show = (view: View): void => store.set({ view, mode: null });

export const select = (view: View, id: string | null): void =>
  store.set(({ selected, mode }) => ({
    selected: { ...selected, [view]: id },
    mode: selected[view] === id ? mode : null,
  }));

/** Shows an incident where it is worked on. */
export function showIncident(id: string): void {
  const state = store.get().board.incidents.get(id)?.state ?? "";
  const view: View = ["waiting", "assigned", "completed"].includes(state) ? "waiting" : "calls";
  store.set(({ selected }) => ({ view, mode: null, selected: { ...selected, [view]: id } }));
}

export const setMode = (mode: Mode | null): void => store.set({ mode });
export const showNew = (): void => store.set(({ showNew: count }) => ({ showNew: count + 1 }));

/** The incident that actions are about: the chosen one; in the units' view that of the chosen unit. */
export function currentIncident(): string | null {
  const { view, selected, board } = store.get();
  if (view !== "units") return selected[view];
  return board.units.get(selected.units ?? "")?.incident_id ?? null;
}

// --- working ----------------------------------------------------------------------------------------------------------

/** Answers the chosen call, or the one that has rung longest. */
export function answerCall(): void {
  const { board, view, selected } = store.get();
  const chosen = view === "calls" ? board.incidents.get(selected.calls ?? "") : undefined;
  const ringing = [...board.incidents.values()].filter(({ state }) => state === "offered");
  ringing.sort((a, b) => (a.t_offered ?? "").localeCompare(b.t_offered ?? "") || a.id.localeCompare(b.id));
  const call = chosen?.state === "offered" ? chosen : ringing[0];
  if (call === undefined) return;
  store.set(({ selected: before }) => ({ view: "calls", selected: { ...before, calls: call.id } }));
  submit(commands.answer(call.id));
}

/** Sets a priority; where it differs from the recommended one, asks why first, which one key answers or skips. */
export function assess(incidentId: string, priority: string): void {
  const recommended = store.get().board.incidents.get(incidentId)?.recommended_priority;
  if (recommended && recommended !== priority) {
    return setMode({ kind: "reason", incident: incidentId, priority, recommended });
  }
  submit(commands.assess(incidentId, { priority, recommended_priority: recommended ?? null }));
}

export function parkOrResume(incidentId: string): void {
  const isParked = store.get().board.incidents.get(incidentId)?.state === "parked";
  submit(isParked ? commands.resume(incidentId) : commands.park(incidentId));
}

export function closeAs(incidentId: string, outcome: string): void {
  if (store.get().board.incidents.get(incidentId)?.override_reason_missing) {
    return setMode({ kind: "closeReason", incident: incidentId, outcome });
  }
  submit(commands.close(incidentId, { outcome }));
}

/** Opens the choice of a unit and asks the site in use which to send. */
export async function proposeUnits(incidentId: string): Promise<void> {
  const { link } = store.get();
  const mode = { kind: "assign", incident: incidentId, proposals: null, hasFailed: false } as const;
  setMode(mode);
  const proposals = link ? await fetchRecommendations(BROWSER_WIRE, BROWSER_CLOCK, link.site, token, incidentId) : null;
  // The person may have gone on meanwhile.
  if (store.get().mode === mode) setMode({ ...mode, proposals: proposals ?? [], hasFailed: proposals === null });
}

/** Undoes the closing of the last ten seconds, or of the chosen incident. */
export function undo(): void {
  const { outbox, board } = store.get();
  const closing = outbox.findLast(({ what, state }) => what === "close" && (state === "site" || state === "cluster"));
  const chosen = board.incidents.get(currentIncident() ?? "");
  const id = closing?.subject ?? (chosen?.state === "closed" ? chosen.id : null);
  if (id === null) return;
  if (closing) dismiss(closing.id);
  submit(commands.reopen(id));
}

/** Sends a note. Its text is kept with the command from now on, and given back to the field when it is refused. */
export function sendNote(incidentId: string, text: string): void {
  if (text.trim() === "") return;
  submit(commands.note(incidentId, text.trim()));
  store.get().drafts?.write(noteField(incidentId), "");
}

/** The first desk that does not answer: what the key for taking over is about. */
export function openTakeover(): void {
  const { board } = store.get();
  for (const centre of board.centres.values()) {
    const desk = Object.values(centre.desks).find((item) => item.reachable === false);
    if (desk) return store.set({ dialog: { kind: "desk", verb: "takeover", centre: centre.code, desk: desk.desk } });
  }
}
