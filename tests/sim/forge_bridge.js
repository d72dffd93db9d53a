// A stand-in for what the build puts into a page's script: the page's own scripts, and the package @forge/bridge as
// far as the pages use it. The calls that it makes to Jira's page are those of the package.
function require(name) {
  if (name === "page") return page();
  if (name !== "./bridge.js") throw new Error(`nothing is named ${name}`);
  const callBridge = globalThis.__bridge?.callBridge;
  if (!callBridge) throw new Error("Unable to establish a connection with the Custom UI bridge.");
  const go = (url, type) => callBridge("navigate", { url, type });
  return {
    async invokeRemote(input) {
      const { success, payload, error } = (await callBridge("invoke", { ...input, invokeType: "ui-remote-fetch" })) ?? {};
      const answer = { ...(success ? payload : error) };
      for (const [header, value] of Object.entries(answer.headers ?? {})) {
        if (Array.isArray(value)) answer.headers[header] = value.join(",");
      }
      return answer;
    },
    router: {
      open: (url) => go(url, "new-tab"),
      navigate: (url) => go(url, "same-tab"),
    },
    view: {
      getContext: () => callBridge("getContext"),
      createHistory: () => callBridge("createHistory"),
      theme: { enable: () => callBridge("enableTheming") },
    },
  };
}
