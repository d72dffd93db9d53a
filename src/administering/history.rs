//! What happened at a site, in words, page by page and as a file.

use serde::Serialize;

use crate::atlassian::Admin;
use crate::clock::{Seconds, rfc3339};
use crate::error::{Error, Refusal};
use crate::model::{
    FINISHED_BY_ANOTHER, FROM_CONNECT, Happened, ReconnectReason, SiteEvent, SiteRule,
};
use crate::words::Words;

use super::{Administering, page, read_cursor};

/// How many events a page has, and how many a file.
const PAGE: i64 = 50;
const IN_A_FILE: i64 = 1000;

/// A page of events.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsPage {
    /// The newest first.
    pub events: Vec<EventForAdmin>,
    /// Where the next page begins. None on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something that happened, as an admin reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventForAdmin {
    /// When, RFC 3339.
    pub at: String,
    /// What, in one word.
    pub event: &'static str,
    /// Whom it is about. Left out where it is about nobody, and once the account was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Their name in Jira, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who brought it about: `person`, `admin`, `service`, `jira`, `atlassian` or `app`.
    pub by: String,
    /// Which admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_account_id: Option<String>,
    /// The admin's name in Jira.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_name: Option<String>,
    /// The same in words.
    pub words: String,
}

impl EventForAdmin {
    fn of(event: SiteEvent, texts: &Words) -> Self {
        Self {
            words: words(&event, texts),
            at: rfc3339(event.at),
            event: event.what.map_or("other", Happened::as_str),
            account_id: event.account.map(|account| account.0),
            name: event.name,
            by: event.by,
            by_account_id: event.by_account.map(|account| account.0),
            by_name: event.by_name,
        }
    }

    /// The cells of its row, in the order of [`COLUMNS`].
    fn cells(&self) -> [&str; 8] {
        [
            &self.at,
            self.event,
            self.account_id.as_deref().unwrap_or_default(),
            self.name.as_deref().unwrap_or_default(),
            &self.by,
            self.by_account_id.as_deref().unwrap_or_default(),
            self.by_name.as_deref().unwrap_or_default(),
            &self.words,
        ]
    }
}

const COLUMNS: [&str; 8] = [
    "at",
    "event",
    "account_id",
    "name",
    "by",
    "by_account_id",
    "by_name",
    "words",
];

fn words(event: &SiteEvent, words: &Words) -> String {
    let detail = event.detail.as_deref().unwrap_or_default();
    match event.what {
        Some(Happened::Connected) => words.event_connected(),
        Some(Happened::Disconnected) => match event.by.as_str() {
            "admin" => words.event_disconnected_admin(),
            "jira" => words.event_disconnected_jira(),
            "atlassian" => words.event_disconnected_atlassian(),
            "service" => words.event_disconnected_service(),
            _ => words.event_disconnected(),
        },
        Some(Happened::NeedsReconnect) => {
            ReconnectReason::parse(detail).map_or_else(String::new, |why| why.for_admin(words))
        }
        Some(Happened::Refused) if detail == FINISHED_BY_ANOTHER => {
            words.event_finished_by_another()
        }
        Some(Happened::Refused) => {
            let why = Refusal::parse(detail).map(|why| why.for_admin(words));
            let text = words.event_refused(&why.unwrap_or_default()).text();
            text.trim_end().to_owned()
        }
        Some(Happened::Moved) if detail == FROM_CONNECT => words.event_moved_from_connect(),
        Some(Happened::Moved) => words.event_moved(),
        Some(Happened::Decided) => {
            let what = SiteRule::told_by(detail);
            // An older version has written the words themselves.
            let what = what.map_or_else(|| detail.to_owned(), |rule| told(&rule, words));
            words.event_decided(&what).text()
        }
        Some(Happened::Acting) => words.event_acting(detail).text(),
        None => detail.to_owned(),
    }
}

/// A rule of a site in words.
fn told(rule: &SiteRule, words: &Words) -> String {
    let customers = match rule.customers {
        true => words.rule_customers_allowed(),
        false => words.rule_customers_denied(),
    };
    let groups = match rule.groups.as_slice() {
        [] => words.rule_every_group(),
        groups => words.rule_groups(&groups.join(", ")).text(),
    };
    match rule.act_as {
        true => format!("{groups} {customers}"),
        false => format!("{groups} {customers} {}", words.rule_acting_denied()),
    }
}

async fn read(
    administering: &Administering,
    admin: &Admin,
    after: Option<&str>,
    most: i64,
    words: &Words,
) -> Result<EventsPage, Error> {
    let before = match after {
        Some(after) => read_cursor(after)?,
        None => (Seconds::MAX, String::new()),
    };
    let found = administering
        .store()
        .site_events(admin.tenant(), (before.0, &before.1), most + 1)
        .await?;
    let (events, next) = page(found, most, |event| (event.at, event.id.clone()));
    let events = events.into_iter();
    Ok(EventsPage {
        events: events
            .map(|event| EventForAdmin::of(event, words))
            .collect(),
        next,
    })
}

/// What happened at the site, the newest first.
///
/// # Errors
/// [`Error::BadRequest`] where `after` is not from a page, and when the store is unavailable.
pub async fn events(
    administering: &Administering,
    admin: &Admin,
    after: Option<&str>,
    words: &Words,
) -> Result<EventsPage, Error> {
    read(administering, admin, after, PAGE, words).await
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180.
    Csv,
    /// A JSON document a line.
    JsonLines,
}

impl Format {
    /// Reads the word in an address.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for any other.
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(Error::BadRequest("format is csv or jsonl")),
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
        }
    }

    /// The name of the file.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Csv => "events.csv",
            Self::JsonLines => "events.jsonl",
        }
    }
}

/// A part of a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// The name of the file.
    pub file: &'static str,
    /// The media type.
    pub media_type: &'static str,
    /// The lines.
    pub text: String,
    /// Where the next part begins. None with the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The same as lines of a file, as many as one answer takes. The first part of a CSV file names the columns.
///
/// # Errors
/// As [`events`].
pub async fn export(
    administering: &Administering,
    admin: &Admin,
    after: Option<&str>,
    format: Format,
    words: &Words,
) -> Result<Export, Error> {
    let EventsPage { events, next } = read(administering, admin, after, IN_A_FILE, words).await?;
    let mut text = String::new();
    if format == Format::Csv && after.is_none() {
        text.push_str(&row(&COLUMNS));
    }
    for event in &events {
        match format {
            Format::Csv => text.push_str(&row(&event.cells())),
            Format::JsonLines => {
                let line = serde_json::to_string(event);
                let line = line.map_err(|error| Error::Internal(error.to_string()))?;
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
    Ok(Export {
        file: format.file(),
        media_type: format.media_type(),
        text,
        next,
    })
}

fn row(cells: &[&str; 8]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",") + "\r\n"
}

/// A cell in quotes. A spreadsheet would take one that begins like a formula for one, and names are anybody's: an
/// apostrophe in front makes it text (OWASP, "CSV Injection").
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AccountId;

    #[test]
    fn t35_no_cell_is_a_formula() {
        for (text, written) in [
            ("", "\"\""),
            ("Omar", "\"Omar\""),
            ("a, \"b\"\r\nc", "\"a, \"\"b\"\"\r\nc\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("5=5", "\"5=5\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }

    fn english() -> Words {
        Words::new(crate::words::Language::En, "Acme", "Latchkey")
    }

    fn event(what: Happened, by: &str, detail: Option<&str>) -> SiteEvent {
        SiteEvent {
            id: "1".to_owned(),
            at: 1_795_838_400,
            what: Some(what),
            account: Some(AccountId("557058:a".to_owned())),
            name: None,
            by: by.to_owned(),
            by_account: None,
            by_name: None,
            detail: detail.map(str::to_owned),
        }
    }

    #[test]
    fn everything_that_happens_has_words() {
        let mut all = std::collections::BTreeSet::new();
        let mut add = |what, by, detail| {
            let words = words(&event(what, by, detail), &english());
            assert!(words.len() > 10, "{what:?} {by} {detail:?}: {words}");
            assert!(all.insert(words.clone()), "{words} is there twice");
        };
        add(Happened::Connected, "person", None);
        for by in ["person", "admin", "jira", "atlassian", "service"] {
            add(Happened::Disconnected, by, None);
        }
        for why in ReconnectReason::ALL {
            add(Happened::NeedsReconnect, "service", Some(why.as_str()));
        }
        for why in Refusal::ALL {
            add(Happened::Refused, "app", Some(why.name()));
        }
        add(Happened::Refused, "app", Some(FINISHED_BY_ANOTHER));
        add(Happened::Moved, "app", Some(FROM_CONNECT));
        add(
            Happened::Moved,
            "app",
            Some(crate::model::FROM_INSTALLATION),
        );
        add(Happened::Decided, "admin", Some("Everybody may."));
    }

    #[test]
    fn a_line_of_a_file_is_an_event() {
        let event = EventForAdmin::of(event(Happened::Connected, "person", None), &english());
        assert_eq!(
            row(&event.cells()),
            "\"2026-11-28T04:00:00Z\",\"connected\",\"557058:a\",\"\",\"person\",\"\",\"\",\"Connected an account at Acme.\"\r\n"
        );
        assert_eq!(
            serde_json::to_string(&event).expect("it is JSON"),
            r#"{"at":"2026-11-28T04:00:00Z","event":"connected","accountId":"557058:a","by":"person","words":"Connected an account at Acme."}"#
        );
    }
}
