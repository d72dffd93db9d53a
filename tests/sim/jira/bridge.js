// The framed page's half of the bridge, as far as apps use it: window.AP.
(() => {
  "use strict";
  const home = new URL(document.currentScript.src).origin;
  const options = document.currentScript.dataset.options ?? "";
  // The name of a frame stays with it when the page inside replaces its address.
  let host = null;
  let frame = "";
  try {
    ({ frame, hostOrigin: host } = JSON.parse(window.name));
  } catch {
    // Not framed by Jira: calls are never answered, as with the real one.
  }

  const waiting = new Map();
  let calls = 0;
  function ask(call, ...args) {
    return new Promise((resolve, reject) => {
      if (!host || window.parent === window) return;
      const id = ++calls;
      waiting.set(id, { resolve, reject });
      window.parent.postMessage({ id, call, args }, host);
    });
  }
  addEventListener("message", (event) => {
    if (event.source !== window.parent || event.origin !== host) return;
    if (event.data.theme) return applyTheme(event.data.theme);
    const call = waiting.get(event.data.id);
    waiting.delete(event.data.id);
    if (event.data.error) call?.reject(new Error(event.data.error));
    else call?.resolve(event.data.value);
  });

  // Callbacks hear of success only; the promise tells both.
  function answer(promise, callback) {
    if (typeof callback !== "function") return promise;
    promise.then(callback, (error) => console.error("AP:", error));
  }

  let cached = null;
  async function getToken() {
    if (cached && Date.now() < cached.until) return cached.token;
    const { token, cacheSeconds } = await ask("getToken");
    cached = { token, until: Date.now() + cacheSeconds * 1000 };
    return token;
  }

  let themed = false;
  function applyTheme(mode) {
    if (!themed) return;
    const root = document.documentElement;
    root.dataset.colorMode = mode;
    root.dataset.theme = "dark:dark light:light spacing:spacing typography:typography";
  }
  async function initializeTheming() {
    if (themed) return;
    themed = true;
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = `${home}/themes/atlaskit-tokens.css`;
    document.head.append(sheet);
    applyTheme(await ask("getTheme"));
  }

  function contentHeight() {
    const content = document.querySelector(".ac-content") ?? document.body;
    const style = getComputedStyle(content);
    const margins = parseFloat(style.marginTop) + parseFloat(style.marginBottom);
    return Math.ceil(content.getBoundingClientRect().height + margins);
  }
  function resize(width, height) {
    return ask("resize", String(width ?? "100%"), String(height ?? contentHeight()));
  }
  let follows = !/resize:\s*false/.test(options);
  addEventListener("DOMContentLoaded", () => {
    if (!follows) return;
    new ResizeObserver(() => follows && resize()).observe(document.querySelector(".ac-content") ?? document.body);
  });

  let flags = 0;
  window.AP = {
    context: {
      getToken: (callback) => answer(getToken(), callback),
      getContext: (callback) => answer(ask("getContext"), callback),
    },
    user: { getCurrentUser: (callback) => answer(ask("getCurrentUser"), callback) },
    getLocation: (callback) => answer(ask("getLocation"), callback),
    theming: { initializeTheming },
    navigator: {
      go: (target, context) => ask("go", target, context),
      reload: () => ask("reload"),
    },
    flag: {
      create(flag) {
        const id = `${frame}-${++flags}`;
        const { title, body, type, close } = flag;
        ask("createFlag", { id, title, body, type, close });
        return { close: () => ask("closeFlag", id) };
      },
    },
    resize,
    sizeToParent() {
      follows = false;
      return ask("sizeToParent");
    },
  };
})();
