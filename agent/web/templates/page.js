
(() => {
  "use strict";
  const live = document.getElementById("live");
  const say = (state, text) => {
    if (live.dataset.state !== state) { live.dataset.state = state; live.textContent = text; }
  };
  const shown = () => document.getElementById("main").dataset.change;
  let busy = false, again = false;

  // Fetches the page and puts its main part in place; what the reader opened and focused stays so.
  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (!answer.ok) { return; }
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = document.adoptNode(next.getElementById("main"));
      for (const open of document.querySelectorAll("details[open]")) {
        fresh.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
      }
      const active = document.activeElement;
      const path = active?.id ? "#" + CSS.escape(active.id) : active?.getAttribute("href") ? `a[href="${CSS.escape(active.getAttribute("href"))}"]` : null;
      document.getElementById("main").replaceWith(fresh);
      if (path && path !== "#live") { document.querySelector(path)?.focus({ preventScroll: true }); }
      document.title = next.title;
    } catch {
      // The event stream notices a lost connection and says so.
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  }

  const source = new EventSource("events");
  source.addEventListener("change", (event) => {
    say("live", "Live");
    if (event.data !== shown()) { refresh(); }
  });
  source.addEventListener("error", () => {
    say("lost", "Connection lost, trying again");
    // After an answer that is no stream (too many are open) a browser gives up; then only the timer below is left.
    if (source.readyState === EventSource.CLOSED) { say("polling", "Refreshes every 30 s"); }
  });
  // "5 s ago" grows old by itself.
  setInterval(() => { if (!document.hidden) { refresh(); } }, 30000);
})();
