/** Keeps the page itself in the browser, so that it can be loaded again while its site is down. */

/** Registers the service worker and hands it what this page was made of. Without one, only reloading suffers. */
export function keepShell(): void {
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register("./offline-worker.js").catch(() => undefined);
  void navigator.serviceWorker.ready.then((registration) => {
    const loaded = performance.getEntriesByType("resource").map(({ name }) => new URL(name));
    const urls = loaded.filter(({ origin, pathname }) => origin === location.origin && pathname.startsWith("/assets/"));
    registration.active?.postMessage({ keep: ["/", ...urls.map(({ pathname }) => pathname)] });
  });
}
