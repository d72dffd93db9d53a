import "../../static/frame.js";
import "./door.js";

// The page is readable without this call: it only puts the name of the service in.
window.Latchkey.call("GET", "/api/link").catch(() => {});
