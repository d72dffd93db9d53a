// The parent's half of the bridge: answers the frames this page made, and nobody else.
(() => {
  "use strict";
  const frames = () => [...document.querySelectorAll("iframe.app-frame")];
  const theme = () => document.documentElement.dataset.colorMode;
  const size = (value) => (/^\d+(px)?$/.test(value) ? `${parseInt(value, 10)}px` : value);

  const calls = {
    async getToken(frame) {
      const answer = await fetch("/s/context-token", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ app: frame.dataset.app, context: JSON.parse(frame.dataset.context) }),
      });
      if (!answer.ok) throw new Error(`no token: ${answer.status}`);
      return answer.json();
    },
    getContext: (frame) => JSON.parse(frame.dataset.context),
    getCurrentUser: (frame) => ({ atlassianAccountId: frame.dataset.account }),
    getLocation: () => location.href,
    getTheme: theme,
    resize(frame, width, height) {
      if (width) frame.style.width = size(width);
      if (height) frame.style.height = size(height);
    },
    sizeToParent(frame) {
      frame.style.height = `${innerHeight - frame.getBoundingClientRect().top - scrollY}px`;
    },
    go(frame, target, context = {}) {
      const places = {
        issue: () => `/browse/${encodeURIComponent(context.issueKey)}`,
        site: () => new URL(context.relativeUrl, location.origin).href,
        dashboard: () => "/",
      };
      if (places[target]) location.assign(places[target]());
    },
    reload: () => location.reload(),
    createFlag(frame, flag) {
      const box = document.createElement("div");
      box.className = "flag";
      box.id = `flag-${flag.id}`;
      const dismiss = Object.assign(document.createElement("button"), { textContent: "Dismiss" });
      dismiss.addEventListener("click", () => box.remove());
      box.append(dismiss);
      box.append(Object.assign(document.createElement("strong"), { textContent: flag.title }));
      box.append(Object.assign(document.createElement("p"), { textContent: flag.body || "" }));
      document.getElementById("flags").append(box);
      if (flag.close === "auto") setTimeout(() => box.remove(), 8000);
    },
    closeFlag: (frame, id) => document.getElementById(`flag-${id}`)?.remove(),
  };

  addEventListener("message", async (event) => {
    const frame = frames().find((frame) => frame.contentWindow === event.source);
    if (!frame || frame.dataset.origin !== event.origin) return;
    const { id, call, args } = event.data ?? {};
    if (!Object.hasOwn(calls, call)) return;
    let reply;
    try {
      reply = { id, value: await calls[call](frame, ...(args ?? [])) };
    } catch (error) {
      reply = { id, error: String(error) };
    }
    frame.contentWindow.postMessage(reply, frame.dataset.origin);
  });

  document.getElementById("theme")?.addEventListener("click", async () => {
    const wanted = theme() === "dark" ? "light" : "dark";
    await fetch("/s/theme", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ theme: wanted }),
    });
    document.documentElement.dataset.colorMode = wanted;
    for (const frame of frames()) {
      frame.contentWindow.postMessage({ theme: wanted }, frame.dataset.origin);
    }
  });
})();
