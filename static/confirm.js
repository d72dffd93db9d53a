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

  const inFront = () => document.visibilityState === "visible" && document.hasFocus();

  function arm() {
    clearTimeout(timer);
    if (sent) return;
    button.disabled = true;
    if (!inFront()) return;
    timer = setTimeout(() => { button.disabled = !inFront() || sent; }, STILL);
  }

  // Whatever moves or uncovers the page begins the moment again.
  for (const event of ["focus", "blur", "resize", "pageshow", "pagehide"]) window.addEventListener(event, arm);
  document.addEventListener("visibilitychange", arm);

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
