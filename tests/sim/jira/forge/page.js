// Forge's half in Jira's page: answers the frames of the app, and nobody else. It is in the head of the page, so that it
// listens before the first frame speaks.
(() => {
  "use strict";
  const frames = () => [...document.querySelectorAll("iframe[data-forge]")];

  // Where a page of the app is within the address that Jira gives it.
  const route = ({ base }) => ({
    pathname: location.pathname.slice(base.length) || "/", search: location.search, hash: location.hash, key: String(history.length),
  });

  function move(given, change, path) {
    change.call(history, null, "", given.base + path);
    return route(given);
  }

  // Jira asks before it leads to another host. It goes there from the click of the answer, and only from it.
  function asked(host, go) {
    const dialog = document.createElement("dialog");
    dialog.className = "leaving";
    dialog.innerHTML = '<p>You are leaving Jira for <b></b>.</p><p><button value="leave">Leave</button> <button value="stay">Cancel</button></p>';
    dialog.querySelector("b").textContent = host;
    document.body.append(dialog);
    return new Promise((resolve, reject) => {
      dialog.addEventListener("close", () => {
        dialog.remove();
        reject(new Error("The person declined"));
      });
      for (const button of dialog.querySelectorAll("button")) {
        button.addEventListener("click", () => {
          if (button.value === "leave") {
            go();
            resolve();
          }
          dialog.close();
        });
      }
      dialog.showModal();
    });
  }

  function flags() {
    const found = document.getElementById("flags");
    if (found) return found;
    return document.body.appendChild(Object.assign(document.createElement("div"), { id: "flags" }));
  }

  // What Jira's page does for a frame, by the name of the operation.
  const ops = {
    getContext: ({ given }) => given.context,
    theme: () => document.documentElement.dataset.colorMode,
    location({ given }) {
      if (given.page === "issue") throw new Error("this view has no history");
      return route(given);
    },
    replace: ({ given }, path) => move(given, history.replaceState, path),
    push: ({ given }, path) => move(given, history.pushState, path),
    height({ frame }, pixels) { frame.style.height = `${Math.ceil(pixels)}px`; },
    reload: () => location.reload(),
    showFlag(_, { id, title = "", description = "" }) {
      const flag = Object.assign(document.createElement("div"), { className: "flag", id: `flag-${id}` });
      flag.append(Object.assign(document.createElement("strong"), { textContent: title }));
      flag.append(Object.assign(document.createElement("p"), { textContent: description }));
      flags().append(flag);
    },
    closeFlag: (_, { id }) => document.getElementById(`flag-${id}`)?.remove(),
    async invoke({ given }, { invokeType, ...input }) {
      if (invokeType !== "ui-remote-fetch") throw new Error(`no ${invokeType}`);
      const answer = await fetch("/s/invoke", {
        method: "POST",
        headers: { "content-type": "application/json" },
        // Who is signed in is the server's to know. The context is what this page says.
        body: JSON.stringify({ input, context: given.context, page: given.page }),
      });
      const { rejects, ...result } = await answer.json();
      if (rejects) throw new Error(rejects);
      return result;
    },
    navigate(_, { url, type }) {
      const to = new URL(url, location.origin);
      if (!["http:", "https:"].includes(to.protocol)) throw new Error("no address to go to");
      const go = () => (type === "new-tab" ? window.open(to, "_blank", "noopener") : location.assign(to));
      if (to.origin !== location.origin) return asked(to.host, go);
      go();
    },
  };

  addEventListener("message", async ({ source, origin, data }) => {
    const frame = frames().find(({ contentWindow }) => contentWindow === source);
    if (!frame || frame.dataset.origin !== origin) return;
    const { id, op, payload } = data;
    const given = JSON.parse(frame.dataset.forge);
    let reply;
    try {
      if (!Object.hasOwn(ops, op)) throw new Error(`no operation ${op}`);
      reply = { id, value: await ops[op]({ frame, given }, payload) };
    } catch (error) {
      reply = { id, error: error.message };
    }
    frame.contentWindow?.postMessage(reply, origin);
  });
})();
