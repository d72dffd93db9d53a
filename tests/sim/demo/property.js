// What is known of one person's stored property, in words; the page and the bar both show it.

/** What the key is worth now: a lozenge's words and kind. */
export function verdict({ property, keyWorks }) {
  if (!property) return ["Not connected", ""];
  if (keyWorks) return ["Connected", "good"];
  return [Date.parse(property.expiresAt) > Date.now() ? "Access taken away" : "Key ran out", "bad"];
}

/** How much of the key's life is left. */
export function life({ property, writtenAt }) {
  const end = Date.parse(property.expiresAt);
  const left = end - Date.now();
  const share = Math.min(Math.max(left / (end - writtenAt), 0), 1);
  const seconds = Math.max(Math.floor(left / 1000), 0);
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return { share, words: left > 0 ? `${clock} left` : "ran out" };
}

/** The property pretty printed, with the key cut short until somebody wants all of it. */
export function print(pre, property) {
  const text = JSON.stringify(property, null, 2);
  if (pre.dataset.printed === text) return;
  pre.dataset.printed = text;
  const key = JSON.stringify(property.apiKey);
  const [before, after] = text.split(key);
  if (after === undefined) return pre.replaceChildren(text);
  const button = document.createElement("button");
  button.type = "button";
  const draw = () => {
    const whole = pre.dataset.whole === "yes";
    button.textContent = whole ? key : `${key.slice(0, 13)}…"`;
    button.title = whole ? "Show less of the key" : "Show the whole key";
    button.setAttribute("aria-expanded", String(whole));
  };
  button.addEventListener("click", () => {
    pre.dataset.whole = pre.dataset.whole === "yes" ? "no" : "yes";
    draw();
  });
  draw();
  const focused = pre.contains(pre.getRootNode().activeElement);
  pre.replaceChildren(before, button, after);
  if (focused) button.focus();
}

/** Asks for the state every second while somebody looks. */
export function follow(address, draw, lost) {
  let busy = false;
  async function ask() {
    if (document.hidden || busy) return;
    busy = true;
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(5_000) });
      draw(await answer.json());
    } catch (error) {
      // A fault of the drawing is ours, and no sign that the demo has stopped.
      if (!(error instanceof TypeError && /fetch/i.test(error.message)) && error.name !== "TimeoutError") throw error;
      lost();
    } finally {
      busy = false;
    }
  }
  document.addEventListener("visibilitychange", ask);
  setInterval(ask, 1_000);
  return ask();
}
