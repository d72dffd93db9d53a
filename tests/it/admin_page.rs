//! Stories in a real browser of the page for admins, by both doors.
