//! The spans that a collector of traces gets. The log does not have them: its lines have a span of their own.
//!
//! | span | begins with | has |
//! |---|---|---|
//! | `GET /api/link`, … | a request | method, route, status |
//! | `renewal` | a claimed link | the id of the link, its generation, the outcome |
//! | `cleanup` | something to revoke or delete | |
//! | `GET`, `POST`, … | a call to another server | its host, method, status |
//! | `transaction`, `statement` | the same in the database | the kind of the database |
//!
//! None has an address, an account, a site or a word of an answer. The names of the fields are those of
//! OpenTelemetry's semantic conventions.

/// The target of these spans.
pub const TARGET: &str = "spans";
