// The page with both accounts. Another window may cover this page and close between the two clicks of a
// double click, so that the second one lands here. So the button works only once the page has been
// visible, in front and still for a moment, and only for a press that began after that.
(() => {
  "use strict";
  const button = document.getElementById("confirm");
  const form = document.getElementById("confirm-form");
  const STILL = 700;

  let timer = null;
  let sent = false;
  // Whether a press of the pointer began on the button since it works.
  let pressed = false;
  // Whether the button had the focus when it was disabled, which loses it without a word.
  let focused = false;

  const inFront = () => document.visibilityState === "visible" && document.hasFocus();

  function arm() {
    clearTimeout(timer);
    if (sent) return;
    pressed = false;
    focused ||= document.activeElement === button;
    button.disabled = true;
    if (inFront()) timer = setTimeout(enable, STILL);
  }

  function enable() {
    if (sent || !inFront()) return;
    button.disabled = false;
    if (focused && document.activeElement === document.body) button.focus({ preventScroll: true });
    focused = false;
  }

  // Whatever moves or uncovers the page begins the moment again.
  for (const event of ["focus", "blur", "resize", "pageshow", "pagehide"]) window.addEventListener(event, arm);
  document.addEventListener("visibilitychange", arm);

  button.addEventListener("pointerdown", () => { pressed = !button.disabled; });
  // A click by the keyboard or a screen reader has no pointer and counts as none (`detail`).
  button.addEventListener("click", (event) => {
    if (event.detail > 0 && !pressed) event.preventDefault();
    pressed = false;
  });
  // A key that was held down before this page came is no decision about it.
  button.addEventListener("keydown", (event) => { if (event.repeat) event.preventDefault(); });

  form.addEventListener("submit", (event) => {
    if (button.disabled || !event.isTrusted || sent) return event.preventDefault();
    // The press has been sent; a second one has nothing to add. Disabled after this turn, as a disabled
    // button would keep its form from being sent.
    sent = true;
    setTimeout(() => { button.disabled = true; });
  });
  // Back to this page from the next: it may be asked again, and the server says what holds.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    sent = false;
    location.reload();
  });
  arm();
})();
