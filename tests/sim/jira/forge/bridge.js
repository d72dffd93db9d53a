// Forge's half inside the frame: what @forge/bridge finds when it is loaded.
(() => {
  "use strict";
  const waiting = new Map();
  let calls = 0;

  function ask(op, payload) {
    const id = ++calls;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      window.parent.postMessage({ id, op, payload }, "*");
    });
  }

  addEventListener("message", ({ source, data }) => {
    if (source !== window.parent) return;
    if (data.theme) return theme(data.theme);
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if ("error" in data) call?.reject(new Error(data.error));
    else call?.resolve(data.value);
  });

  let themed = false;
  function theme(mode) {
    if (!themed) return;
    document.documentElement.dataset.colorMode = mode;
    document.documentElement.dataset.theme = "dark:dark light:light spacing:spacing typography:typography";
  }

  const own = {
    async enableTheming() {
      themed = true;
      theme(await ask("theme"));
    },
    async createHistory() {
      const listeners = new Set();
      const move = (op) => async (path) => {
        const now = await ask(op, path);
        for (const listener of listeners) listener(now, op.toUpperCase());
      };
      return {
        location: await ask("location"),
        listen(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        replace: move("replace"),
        push: move("push"),
      };
    },
  };
  globalThis.__bridge = { callBridge: (op, payload) => own[op]?.(payload) ?? ask(op, payload) };

  addEventListener("DOMContentLoaded", () => {
    const tell = () => ask("height", document.body.getBoundingClientRect().height).catch(() => {});
    new ResizeObserver(tell).observe(document.body);
  });
})();
