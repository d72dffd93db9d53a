import "../../static/frame.js";
import "./door.js";
import "./tickets.js";
import "../../static/glance.js";
