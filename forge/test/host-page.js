// Forge's half in Jira's page: answers the one frame.
(() => {
  "use strict";
  const given = JSON.parse(document.getElementById("given").textContent);
  const frame = document.querySelector("iframe");
  const dialog = document.querySelector("dialog");

  const ops = {
    getContext: () => given.context,
    theme: () => document.documentElement.dataset.colorMode,
    location: () => ({ pathname: location.pathname, search: given.search, hash: "", key: "a" }),
    replace(path) { history.replaceState(null, "", location.pathname.replace(/\/[^/]*$/, path)); },
    height(pixels) { frame.style.height = `${Math.ceil(pixels)}px`; },
    async invoke({ invokeType, ...input }) {
      if (invokeType !== "ui-remote-fetch") throw new Error(`no ${invokeType}`);
      const answer = await fetch("/s/invoke", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ input, context: given.context, page: given.page }),
      });
      const { rejects, ...result } = await answer.json();
      if (rejects) throw new Error(rejects);
      return result;
    },
    navigate({ url, type }) {
      const go = () => (type === "new-tab" ? window.open(url, "_blank", "noopener") : location.assign(url));
      if (url.startsWith("/")) return void go();
      return new Promise((resolve, reject) => {
        dialog.querySelector("b").textContent = new URL(url).host;
        dialog.onclose = () => reject(new Error("The person declined"));
        for (const button of dialog.querySelectorAll("button")) {
          button.onclick = () => {
            // The tab opens from this click, and only from it.
            if (button.value === "leave") {
              go();
              resolve();
            }
            dialog.close();
          };
        }
        dialog.showModal();
      });
    },
  };

  addEventListener("message", async ({ source, origin, data }) => {
    if (source !== frame.contentWindow || origin !== given.network) return;
    const { id, op, payload } = data;
    let reply;
    try {
      if (!Object.hasOwn(ops, op)) throw new Error(`no operation ${op}`);
      reply = { id, value: await ops[op](payload) };
    } catch (error) {
      reply = { id, error: error.message };
    }
    frame.contentWindow?.postMessage(reply, given.network);
  });
})();
