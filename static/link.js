// The linking page: tells the server when it is closed, so that the panel in the issue stops saying "Connecting…".
//
// This is only a hint. Browsers fire the same event for a reload, for Back and for a page that they keep in memory, and
// some fire none. A tab that is closed at the service is not noticed at all. So the hint ends nothing: the panel shows
// the attempt as left until one of its pages is opened or used again, and that works as before. Each page that is
// shown has a number. After a reload the server ignores the old page, because its number is not the newest.
(() => {
  "use strict";
  const page = document.getElementById("latchkey");
  // The person selected a button, so the attempt continues elsewhere.
  let leads = false;
  page.querySelector("form").addEventListener("submit", () => { leads = true; });
  window.addEventListener("pagehide", () => {
    if (!leads) navigator.sendBeacon(location.href, new URLSearchParams({ left: page.dataset.shown }));
  });
  // A page that comes back from the browser's memory may be out of date.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
