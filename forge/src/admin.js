import "../../static/frame.js";
import "./door.js";
import "../../static/admin.js";
