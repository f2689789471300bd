/** The console's commands as requests. `what` is a key of the dictionary. */

import { TAKEOVER_MS } from "../feed/limits";
import type { Intent } from "../feed/outbox";

const id = encodeURIComponent;

function incident(what: string, incidentId: string, verb: string, body: Record<string, unknown> = {}): Intent {
  const path = `/v1/incidents/${id(incidentId)}/${verb}`;
  return { what, subject: incidentId, target: `incident:${incidentId}`, method: "POST", path, body };
}

/** Fields without a value are left out: bodies are optional wherever the token says enough. */
const filled = (fields: Record<string, string | null | undefined>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== ""),
  );

export const answer = (incidentId: string): Intent => incident("answer", incidentId, "answer");

export const assess = (
  incidentId: string,
  fields: { priority: string; recommended_priority?: string | null; reason?: string | null },
): Intent => incident("assess", incidentId, "assess", filled(fields));

export const park = (incidentId: string): Intent => incident("park", incidentId, "park");
export const resume = (incidentId: string): Intent => incident("resume", incidentId, "resume");
export const wait = (incidentId: string): Intent => incident("wait", incidentId, "wait");
export const refer = (incidentId: string, to: string): Intent => incident("refer", incidentId, "refer", filled({ to }));
export const reopen = (incidentId: string): Intent => incident("reopen", incidentId, "reopen");

export const close = (
  incidentId: string,
  fields: { outcome?: string | null; override_reason?: string | null },
): Intent => incident("close", incidentId, "close", filled(fields));

export const note = (incidentId: string, text: string): Intent => ({
  ...incident("note", incidentId, "notes", { text }),
  // A note is a fact: it need not wait for decisions, nor they for it.
  target: `note:${incidentId}`,
});

/** `preempt`: the person saw that the unit is taken from another incident; the rules still say whether it may be. */
export const assign = (incidentId: string, unitId: string, preempt = false): Intent => ({
  ...incident("assign", incidentId, "assignments", preempt ? { unit_id: unitId, preempt } : { unit_id: unitId }),
  subject: `${unitId} → ${incidentId}`,
});

export const unassign = (incidentId: string, unitId: string): Intent => ({
  what: "unassign",
  subject: `${unitId} → ${incidentId}`,
  target: `incident:${incidentId}`,
  method: "DELETE",
  path: `/v1/incidents/${id(incidentId)}/assignments/${id(unitId)}`,
  body: {},
});

export const unitStatus = (unitId: string, status: string): Intent => ({
  what: "status",
  subject: unitId,
  target: `unit:${unitId}`,
  method: "POST",
  path: `/v1/units/${id(unitId)}/status`,
  body: { status },
});

export const moveDesk = (verb: "takeover" | "handback", centre: string, desk: string, reason: string): Intent => ({
  what: verb,
  subject: `${centre} ${desk}`,
  target: `desk:${centre}:${desk}`,
  method: "POST",
  path: `/v1/centres/${id(centre)}/desks/${id(desk)}/${verb}`,
  body: filled({ reason }),
  timeoutMs: TAKEOVER_MS,
});

export const acknowledge = (conflictId: string, noteText = ""): Intent => ({
  what: "acknowledge",
  subject: conflictId,
  target: `conflict:${conflictId}`,
  method: "POST",
  path: `/v1/conflicts/${id(conflictId)}/acknowledge`,
  body: filled({ note: noteText }),
});

export const duty = (on: boolean, centre: string): Intent => ({
  what: on ? "dutyOn" : "dutyOff",
  subject: centre,
  target: "duty",
  method: "POST",
  path: "/v1/operators/me/duty",
  body: { on, centre },
});
