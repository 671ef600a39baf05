// Live updates: one stream for all tabs of a browser. The tab that holds the lock "access-policy-live" reads GET /v1/stream and
// passes its events on; the others receive them by a BroadcastChannel. Without locks (plain HTTP to another machine) a tab polls.
//
//   data-live="charger attempt"   htmx fetches the element's hx-get again (hx-trigger="live") soon after such an event
//   data-live-rows="URL"          only the changed rows: URL with charger_id=… for each changed child that has data-key
//   data-live-every="5"           at most once in this many seconds (default: 1), and less often if responses take long
"use strict";

(() => {
  const mark = document.getElementById("live");
  if (!mark) return;
  const POLL_MS = 15_000, ANSWER_MS = 2_000, CHECK_MS = 10_000, SILENT_MS = 3_000, AGAIN_MAX_MS = 30_000;
  const UNANSWERED_MS = 15_000, REST_FACTOR = 2;  // a part is fetched again after this many times the duration of its last response
  const KINDS = ["attempt", "mode_change", "charger", "import", "reservation", "energy"];
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("access-policy-live") : null;
  const me = Math.random().toString(36).slice(2);
  let seen = Number(mark.dataset.position) || 0;  // the log position that this page shows
  let hiddenSince = null;

  // --- the mark: live, or stale since when ---------------------------------------------------------------------------
  let staleSince = null;
  const clock = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  function show(state) {
    if (state === "stale") staleSince ??= new Date();
    else staleSince = null;
    const text = { on: "Live", polling: "Every 15 s", stale: `Stale since ${staleSince && clock(staleSince)}`, ended: "Signed out" }[state];
    mark.dataset.state = state === "ended" ? "stale" : state;
    const word = mark.querySelector(".live-word");
    if (word.textContent !== text) word.textContent = text;
  }

  // --- what an event refreshes ---------------------------------------------------------------------------------------
  const dirty = new Map();  // element -> the keys that changed; null: all of it
  let drawing = null;

  function changed(kind, key) {
    for (const part of document.querySelectorAll("[data-live]")) {
      if (!part.dataset.live.split(" ").includes(kind)) continue;
      if (!part.dataset.liveRows) note(part, null);
      else if (key && part.querySelector(`[data-key="${CSS.escape(key)}"]`)) note(part, key);
      else if (key && part.dataset.liveNew !== undefined) note(part, null);
    }
  }

  function note(part, key) {
    if (key === null) dirty.set(part, null);
    else if (!dirty.has(part)) dirty.set(part, new Set([key]));
    else dirty.get(part)?.add(key);
    if (drawing === null) drawing = setTimeout(draw, 50 + Math.random() * 150);
  }

  const fetchedAt = new WeakMap(), notBefore = new WeakMap();
  function draw() {
    drawing = null;
    if (document.hidden) return;  // everything is fetched when the tab becomes visible
    let later = null;
    for (const [part, keys] of [...dirty]) {
      if (!part.isConnected) { dirty.delete(part); continue; }
      const wait = (notBefore.get(part) ?? 0) - Date.now();
      if (wait > 0) { later = Math.min(later ?? wait, wait); continue; }
      dirty.delete(part);
      fetchedAt.set(part, Date.now());
      notBefore.set(part, Date.now() + UNANSWERED_MS);
      fetchAgain(part, keys);
    }
    if (later !== null) drawing = setTimeout(draw, later + 20);
  }

  document.addEventListener("htmx:finally:request", (event) => {
    const part = event.detail.ctx.sourceElement, began = fetchedAt.get(part);
    if (began === undefined) return;
    const every = (Number(part.dataset.liveEvery) || 1) * 1000, took = Date.now() - began;
    fetchedAt.delete(part);
    notBefore.set(part, Math.max(began + every, Date.now() + REST_FACTOR * took));
    if (!dirty.has(part)) return;
    clearTimeout(drawing);
    draw();
  });

  function fetchAgain(part, keys) {
    if (keys === null || !part.dataset.liveRows) { htmx.trigger(part, "live"); return; }
    const url = new URL(part.dataset.liveRows, location.href);
    keys.forEach((key) => url.searchParams.append("charger_id", key));
    htmx.ajax("GET", url.pathname + url.search, { source: part, target: part, swap: "none" });
  }

  function everything() {
    document.querySelectorAll("[data-live]").forEach((part) => note(part, null));
  }

  // --- events, wherever they come from -------------------------------------------------------------------------------
  function take(message) {
    switch (message.is) {
      case "event":
        if (message.id > seen) seen = message.id;
        changed(message.kind, message.key);
        break;
      case "reset":
        everything();
        break;
      case "state":
        show(message.state);
        if (message.id > seen) { seen = message.id; everything(); }  // this page was rendered before that
        break;
      case "anyone":
        if (leading && leading.state) tell({ is: "state", state: leading.state, id: leading.id });
        break;
    }
    if (message.is !== "anyone") heard = Date.now();
  }
  let heard = 0;
  const tell = (message) => channel?.postMessage(message);
  const tellAll = (message) => { tell(message); take(message); };
  channel?.addEventListener("message", (event) => take(event.data));

  // --- the tab that reads the stream -----------------------------------------------------------------------------------
  let leading = null;

  function lead() {
    leading = { id: seen, state: null, source: null, again: 1_000, timer: null };
    connect();
  }

  function connect() {
    const mine = leading;
    const source = mine.source = new EventSource(`/v1/stream?last_event_id=${mine.id}`);
    const state = (name) => { mine.state = name; tellAll({ is: "state", state: name, id: mine.id }); };
    const reached = (event) => { if (event.lastEventId) mine.id = Math.max(mine.id, Number(event.lastEventId)); };
    source.addEventListener("ready", (event) => { reached(event); mine.again = 1_000; state("on"); });
    source.addEventListener("reset", (event) => { reached(event); tellAll({ is: "reset" }); });
    source.addEventListener("end", (event) => {
      let reason = "";
      try { reason = JSON.parse(event.data).reason; } catch {}
      if (reason === "signed-out") { source.close(); state("ended"); }
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        reached(event);
        const data = JSON.parse(event.data);
        tellAll({ is: "event", kind, key: data.charger_id ?? data.import_id ?? null, id: mine.id });
        if (kind === "attempt" && data.decision === "denied") announce(`Denied at ${data.charger_id}.`);
      });
    }
    source.addEventListener("error", () => {
      if (mine !== leading || mine.state === "ended") return;
      state("stale");
      if (source.readyState !== EventSource.CLOSED) return;  // the browser connects again by itself
      mine.timer = setTimeout(connect, mine.again * (0.75 + Math.random() / 2));
      mine.again = Math.min(mine.again * 2, AGAIN_MAX_MS);
    });
  }

  function yieldLead() {
    leading?.source?.close();
    clearTimeout(leading?.timer);
    leading = null;
  }

  // --- screen readers: denials, and the problems that are new or gone; never the whole list ----------------------------
  const SPOKEN_MAX = 3, KEPT_MAX = 5;

  function announce(text) {
    const where = document.getElementById("announcer");
    if (!where || document.hidden) return;
    const spoken = where.appendChild(document.createElement("p"));
    spoken.textContent = text;
    while (where.children.length > KEPT_MAX) where.firstChild.remove();
  }

  function problems() {
    const cards = document.querySelectorAll("#problems .problem");
    const text = (card, selector) => card.querySelector(selector).textContent.trim();
    return new Map([...cards].map((card) => [text(card, ".charger-link"), text(card, ".state")]));
  }

  function some(names) {
    const rest = names.length - SPOKEN_MAX;
    return names.slice(0, SPOKEN_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  }

  let known = problems();
  document.addEventListener("htmx:after:swap", () => {
    if (!document.getElementById("problems")) return;
    const now = problems();
    const fresh = [...now].filter(([name, what]) => known.get(name) !== what).map((each) => each.join(" "));
    const gone = [...known.keys()].filter((name) => !now.has(name));
    known = now;
    if (fresh.length) announce(`New problem: ${some(fresh)}.`);
    if (gone.length) announce(`Solved: ${some(gone)}.`);
  });

  // --- leadership: the tab with the lock leads; a visible tab takes it from one that does not respond --------------------
  function stand(steal) {
    navigator.locks.request("access-policy-live", steal ? { steal: true } : {}, () => {
      lead();
      return new Promise(() => {});
    }).catch(() => { yieldLead(); stand(false); });
  }

  function anyone() {
    if (leading || document.hidden) return;
    const asked = Date.now();
    tell({ is: "anyone", from: me });
    setTimeout(() => { if (!leading && !document.hidden && heard < asked) { show("stale"); stand(true); } }, ANSWER_MS);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { hiddenSince = Date.now(); return; }
    if (hiddenSince !== null && Date.now() - hiddenSince > SILENT_MS) everything();
    else if (dirty.size && drawing === null) drawing = setTimeout(draw, 50);
    if (channel && navigator.locks) anyone();
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) everything(); });

  if (channel && navigator.locks) {
    stand(false);
    tell({ is: "anyone", from: me });
    setInterval(anyone, CHECK_MS);
  } else {
    show("polling");
    setInterval(everything, POLL_MS);
  }

  // The response includes everything that this page has been notified of.
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement?.closest?.("[data-live]")) ctx.request.headers["X-Seen-Position"] = String(seen);
  });

  // If a fragment could not be fetched, the page is stale.
  document.addEventListener("htmx:response:error", (event) => {
    if (event.detail.ctx?.request?.method === "GET") show("stale");
  });

  // --- relative times grow by themselves: data-live-every="60" with hx-trigger="live" in the page ------------------------
  setInterval(() => document.querySelectorAll("[data-live][data-live-tick]").forEach((part) => note(part, null)), 60_000);
})();
