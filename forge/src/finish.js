import "../../static/frame.js";
import "./door.js";
import "./arrival.js";
import "../../static/finish.js";
