/** What the page needs before it can connect: the list of sites, the scale of priorities, and the bearer's token. */

import type { Site } from "../feed/session";
import { DEFAULT_SCALE, type Priority, type Scale } from "../work/priorities";

export interface Config {
  /** Code of the site that served the page. */
  site: string;
  sites: Site[];
  environment: string;
  scale: Scale;
}

const CONFIG_KEY = "granslos.config";
const TOKEN_KEY = "granslos.token";
/** A page must come up although its site hangs: then the list of last time is used, where there is one, soon. */
const CONFIG_MS = 1_500;
const CONFIG_KEPT_MS = 400;

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;

function siteOf(value: unknown): Site | null {
  if (!isFields(value) || typeof value.code !== "string" || typeof value.http !== "string") return null;
  const name = typeof value.name === "string" ? value.name : value.code;
  return { code: value.code, name, http: value.http.replace(/\/+$/, "") };
}

/** One row of the site's scale; what it leaves unsaid is as in the usual scale, or as for a code nobody knows. */
function priorityOf(value: unknown): Priority | null {
  if (!isFields(value) || typeof value.code !== "string" || typeof value.rank !== "number") return null;
  const { code, rank } = value;
  const unknown = { code, rank, label_sv: "", label_en: "", review_minutes: 60, needs_unit: true };
  const usual = DEFAULT_SCALE.find((priority) => priority.code === code) ?? unknown;
  return { ...usual, ...Object.fromEntries(Object.entries(value).filter(([, said]) => said !== null)) };
}

/** Reads what `GET /v1/console/config` answers. The site that served the page is spoken to at the page's own origin. */
export function readConfig(value: unknown, origin: string): Config | null {
  if (!isFields(value) || typeof value.site !== "string" || !Array.isArray(value.sites)) return null;
  const own = value.site;
  const sites = value.sites.map(siteOf).filter((site) => site !== null);
  const here = sites.find((site) => site.code === own) ?? { code: own, name: own, http: origin };
  const others = sites.filter((site) => site.code !== own);
  const scale = Array.isArray(value.priorities) ? value.priorities.map(priorityOf).filter((row) => row !== null) : [];
  return {
    site: own,
    sites: [{ ...here, http: origin }, ...others],
    environment: typeof value.environment === "string" ? value.environment : "",
    scale: scale.length > 0 ? scale : DEFAULT_SCALE,
  };
}

async function fetchConfig(origin: string, withinMs: number): Promise<unknown> {
  try {
    const response = await fetch(`${origin}/v1/console/config`, {
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(withinMs),
    });
    return response.ok ? ((await response.json()) as unknown) : null;
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError) return null;
    throw error;
  }
}

function kept(): unknown {
  try {
    return JSON.parse(localStorage.getItem(CONFIG_KEY) ?? "null");
  } catch {
    return null;
  }
}

/** The list of sites: from the site, else of last time, else this origin alone. */
export async function loadConfig(origin: string): Promise<Config> {
  const before = readConfig(kept(), origin);
  const answered = await fetchConfig(origin, before === null ? CONFIG_MS : CONFIG_KEPT_MS);
  const config = readConfig(answered, origin);
  if (config !== null) {
    localStorage.setItem(CONFIG_KEY, JSON.stringify(answered));
    return config;
  }
  const alone = { site: "home", sites: [{ code: "home", name: location.host, http: origin }] };
  return before ?? { ...alone, environment: "", scale: DEFAULT_SCALE };
}

/** Takes a token out of the address (`/#token=…`), which no server sees, and out of the history. */
export function takeToken(): string | null {
  const match = /^#token=([\w.-]+)/.exec(location.hash);
  if (match?.[1] !== undefined) {
    sessionStorage.setItem(TOKEN_KEY, match[1]);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN_KEY);
}

export const keepToken = (token: string): void => sessionStorage.setItem(TOKEN_KEY, token);
export const dropToken = (): void => sessionStorage.removeItem(TOKEN_KEY);
