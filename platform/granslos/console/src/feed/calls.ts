/** Single requests to a site, each with a bound. None throws for a site that does not answer. */

import { identified, type Refreshed } from "../contract/frames";
import type { Answer, Centre, Problem, Recommendation, SiteState, Unit } from "../contract/views";
import type { Clock } from "./core";
import { PROBE_TIMEOUT_MS, REFRESH_TIMEOUT_MS } from "./limits";
import { type Command, type Reply, timeoutOf } from "./outbox";
import type { Site } from "./session";

export interface Wire {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Runs a request; null when it broke or took too long. */
async function bounded<T>(clock: Clock, ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
  const control = new AbortController();
  const late = new Promise<null>((resolve) => {
    control.signal.addEventListener("abort", () => resolve(null));
  });
  const cancel = clock.after(ms, () => control.abort());
  try {
    return await Promise.race([run(control.signal), late]);
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError) return null;
    throw error;
  } finally {
    cancel();
  }
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}`, Accept: "application/json" });

/** Sends a command; null when no answer came. */
export async function sendCommand(
  wire: Wire,
  clock: Clock,
  site: Site,
  token: string,
  command: Command,
): Promise<Reply | null> {
  return bounded(clock, timeoutOf(command), async (signal) => {
    const hasBody = command.method === "POST";
    const response = await wire.fetch(`${site.http}${command.path}`, {
      method: command.method,
      headers: {
        ...bearer(token),
        "Idempotency-Key": command.id,
        ...(hasBody ? { "Content-Type": "application/json" } : {}),
      },
      ...(hasBody ? { body: JSON.stringify(command.body) } : {}),
      cache: "no-store",
      credentials: "omit",
      signal,
    });
    return replyOf(response.status, await response.text());
  });
}

export function replyOf(status: number, text: string): Reply {
  const body = parse(text);
  if (status >= 200 && status < 300) return { status, answer: body as Answer | null, problem: null };
  return { status, answer: null, problem: problemOf(status, body) };
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function problemOf(status: number, body: Record<string, unknown> | null): Problem {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const code = text(body?.code) || text(body?.type).split(/[/:#]/).at(-1) || `http_${status}`;
  return { code, title: text(body?.title) || `HTTP ${status}`, detail: text(body?.detail) };
}

export async function isHomeReady(wire: Wire, clock: Clock, home: Site): Promise<boolean> {
  const ready = await bounded(clock, PROBE_TIMEOUT_MS, async (signal) => {
    const response = await wire.fetch(`${home.http}/health/ready`, { cache: "no-store", credentials: "omit", signal });
    return response.ok;
  });
  return ready === true;
}

async function getJson(wire: Wire, clock: Clock, url: string, token: string): Promise<unknown> {
  return bounded(clock, REFRESH_TIMEOUT_MS, async (signal) => {
    const response = await wire.fetch(url, { headers: bearer(token), cache: "no-store", credentials: "omit", signal });
    return response.ok ? ((await response.json()) as unknown) : null;
  });
}

const itemsOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value;
  return typeof value === "object" && value !== null ? (value as { items?: unknown }).items : null;
};

/** Asks for the site's own state, the desks and the units' live overlay; null when nothing came. */
export async function fetchOverview(wire: Wire, clock: Clock, site: Site, token: string): Promise<Refreshed | null> {
  const [state, centres, units] = await Promise.all([
    getJson(wire, clock, `${site.http}/v1/site`, token),
    getJson(wire, clock, `${site.http}/v1/centres`, token),
    getJson(wire, clock, `${site.http}/v1/units?limit=1000`, token),
  ]);
  if (state === null && centres === null && units === null) return null;
  return {
    type: "refreshed",
    site: state as SiteState | null,
    centres: centres === null ? null : identified<Centre>(itemsOf(centres)),
    units: units === null ? null : identified<Unit>(itemsOf(units)),
  };
}

/** Asks which units to send; null when nothing came. */
export async function fetchRecommendations(
  wire: Wire,
  clock: Clock,
  site: Site,
  token: string,
  incidentId: string,
): Promise<Recommendation[] | null> {
  const url = `${site.http}/v1/incidents/${encodeURIComponent(incidentId)}/recommendations`;
  const items = itemsOf(await getJson(wire, clock, url, token));
  return Array.isArray(items) ? (items as Recommendation[]) : null;
}
