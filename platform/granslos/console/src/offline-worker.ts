/**
 * Service worker: the page from its site, or, when that does not answer at once, from the browser.
 *
 * It touches the page's own files only, never the API. Files under `assets/` have their content's hash in their name.
 */

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  addEventListener(type: string, run: (event: never) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  location: Location;
}

const scope = self as unknown as Scope;
const CACHE = "granslos-shell-1";
/** A hung site must not hold a reload longer. */
const PAGE_MS = 1_000;
/** Files kept; a release has about ten. */
const FILES_MAX = 60;

scope.addEventListener("install", (event: ExtendableEvent) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener("activate", (event: ExtendableEvent) => event.waitUntil(scope.clients.claim()));

scope.addEventListener("message", (event: ExtendableEvent & { data?: { keep?: string[] } }) => {
  event.waitUntil(keep(event.data?.keep ?? []));
});

async function keep(paths: string[]): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(paths.slice(0, FILES_MAX));
  const kept = await cache.keys();
  await Promise.all(kept.slice(0, Math.max(0, kept.length - FILES_MAX)).map((request) => cache.delete(request)));
}

scope.addEventListener("fetch", (event: FetchEvent) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== scope.location.origin) return;
  if (pathname.startsWith("/assets/")) event.respondWith(asset(event.request));
  else if (mode === "navigate" && pathname === "/") event.respondWith(page(event.request));
});

async function asset(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

async function page(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match("/");
  try {
    const signal = kept === undefined ? null : AbortSignal.timeout(PAGE_MS);
    // By its address: a navigation cannot be repeated as it is with other settings.
    const response = await fetch(request.url, { signal, cache: "no-cache", credentials: "omit" });
    if (!response.ok && kept !== undefined) return kept;
    if (response.ok) await cache.put("/", response.clone());
    return response;
  } catch (error) {
    if (kept !== undefined) return kept;
    throw error;
  }
}
