/** Who the bearer is, for showing it. The signature is checked by the sites, not here. */

export interface Identity {
  subject: string | null;
  role: string | null;
  centre: string | null;
  expiresAt: number | null;
}

export const NOBODY: Identity = { subject: null, role: null, centre: null, expiresAt: null };

export function readToken(token: string): Identity {
  const part = token.split(".")[1];
  if (part === undefined) return NOBODY;
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? identityOf(claims as Record<string, unknown>) : NOBODY;
  } catch {
    return NOBODY;
  }
}

function identityOf(claims: Record<string, unknown>): Identity {
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return {
    subject: text(claims.sub),
    role: text(claims.role),
    centre: text(claims.centre),
    expiresAt: typeof claims.exp === "number" ? claims.exp * 1000 : null,
  };
}

/** A short name for a token that does not give it away: windows of one person share a connection, others do not. */
export function fingerprint(token: string): string {
  let hash = 0x811c9dc5;
  for (let n = 0; n < token.length; n++) hash = Math.imul(hash ^ token.charCodeAt(n), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

const WORKING = new Set(["operator", "dispatcher", "supervisor"]);

export const mayWork = (role: string | null): boolean => role === null || WORKING.has(role);
export const mayTakeOver = (role: string | null): boolean => role === null || role === "supervisor";
