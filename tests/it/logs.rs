//! What the whole test process logged, and the search for secrets in it and in the databases.
//!
//! Every application started in this process and every child writes into one buffer. A story hands
//! in the secrets it used; from then on none of them may turn up, in clear or thinly disguised.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

/// Far more than an operator would turn on, of what belongs to the product: itself and the crates
/// it talks through. The stories, the simulator and the browser's driver know secrets by trade.
const CAPTURED: &str = "info,latchkey=trace,tower_http=trace,tower_sessions=trace,\
    tower_sessions_core=trace,sqlx=debug,axum=debug,it=off,thirtyfour=off";

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static KNOWN: Mutex<Known> = Mutex::new(Known {
    searched: 0,
    secrets: Secrets::none(),
});

/// The secrets that all stories so far handed in.
struct Known {
    /// None of them is in the text before this byte.
    searched: usize,
    secrets: Secrets,
}

/// The log from where a story began. The story's secrets are random and no older than the story,
/// so they can be nowhere before it: searching only from there keeps a long run linear.
#[derive(Clone, Copy)]
pub struct Log {
    from: usize,
}

/// Starts capturing, once for the process; every story begins with it.
///
/// `LATCHKEY_TEST_LOG` (a tracing filter, `warn` when absent) says what a failing test shows.
pub fn capture() -> Log {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::env::var("LATCHKEY_TEST_LOG").unwrap_or_else(|_| "warn".to_owned());
        tracing_subscriber::registry()
            .with(
                fmt::layer()
                    .with_ansi(false)
                    // The fields of a span are written even where no event happens inside it.
                    .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
                    .with_writer(|| Absorber)
                    .with_filter(EnvFilter::new(CAPTURED)),
            )
            .with(
                fmt::layer()
                    .with_test_writer()
                    .with_filter(EnvFilter::new(shown)),
            )
            .init();
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A panic of the product is as public as its log. One of a story is about to fail it.
            if panic
                .location()
                .is_some_and(|place| place.file().starts_with("src"))
            {
                absorb(format!("{panic}\n").as_bytes());
            }
            report(panic);
        }));
    });
    Log { from: text().len() }
}

/// Adds what a child process wrote.
pub fn absorb(output: &[u8]) {
    text().extend_from_slice(output);
}

fn text() -> MutexGuard<'static, Vec<u8>> {
    TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A copy, because everything that logs waits for the lock.
fn text_from(from: usize) -> Vec<u8> {
    text()[from..].to_vec()
}

struct Absorber;

impl io::Write for Absorber {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        absorb(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Fails if one of these secrets, or one that another story handed in before, is in the log.
    pub fn assert_no_secret<S: AsRef<str>>(self, secrets: &[S]) {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let Known {
            searched,
            secrets: old,
        } = &mut *known;

        // New secrets against the text of their story, the known ones against what came since.
        let new = Secrets::new(secrets.iter().map(S::as_ref));
        let unsearched = searched.saturating_sub(old.longest);
        let from = self.from.min(unsearched);
        let text = text_from(from);
        let found = new
            .find(&text[self.from - from..])
            .or_else(|| old.find(&text[unsearched - from..]));
        *searched = from + text.len();
        old.join(new);
        // A panic while holding the lock would hide this failure behind those of others.
        drop(known);
        if let Some(leak) = found {
            panic!("a secret is in the log: {leak}");
        }
    }

    /// The lines since the story began that hold all of these.
    pub fn lines_with(self, parts: &[String]) -> Vec<String> {
        let text = text_from(self.from);
        let log = String::from_utf8_lossy(&text);
        log.lines()
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .map(str::to_owned)
            .collect()
    }

    /// Whether a text is in the log by now. Unlike a secret, it is not searched for later.
    pub fn finds(self, text: &str) -> bool {
        let form = Secrets::new(std::iter::once(text));
        form.find(&text_from(self.from)).is_some()
    }
}

/// Fails if one of the secrets is in a text such as a page or a dump; `what` names the text.
pub fn assert_free_of_secrets<S: AsRef<str>>(what: &str, text: &[u8], secrets: &[S]) {
    if let Some(leak) = Secrets::new(secrets.iter().map(S::as_ref)).find(text) {
        panic!("a secret is in {what}: {leak}");
    }
}

/// Fails if one of the secrets is anywhere in the files of a SQLite database: in a row, in a
/// page that was freed, in the log of pages not yet copied back.
pub async fn assert_sqlite_free_of_secrets<S: AsRef<str>>(database: &Path, secrets: &[S]) {
    let secrets = Secrets::new(secrets.iter().map(S::as_ref));
    // The rows first: a long value is spread over pages and not in one piece in the file.
    if let Some(leak) = secrets.find(sqlite_rows(database).await.as_bytes()) {
        panic!("a secret is in a row of {}: {leak}", database.display());
    }
    for suffix in ["", "-wal", "-journal"] {
        let mut file = database.as_os_str().to_owned();
        file.push(suffix);
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => continue,
            Err(error) => panic!("{} cannot be read: {error}", Path::new(&file).display()),
        };
        if let Some(leak) = secrets.find(&bytes) {
            panic!("a secret is in {}: {leak}", Path::new(&file).display());
        }
    }
}

/// Every value of every table, one on a line, as SQLite itself would quote it.
pub async fn sqlite_rows(database: &Path) -> String {
    let mut connection: SqliteConnection = SqliteConnectOptions::new()
        .filename(database)
        .connect()
        .await
        .expect("the database opens");
    let columns = sqlx::query(
        "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c \
         where m.type = 'table'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the schema can be read");
    let mut text = String::new();
    for column in columns {
        let (table, column): (String, String) = (column.get(0), column.get(1));
        let values = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!(
            "select quote(\"{column}\") from \"{table}\""
        )))
        .fetch_all(&mut connection)
        .await
        .expect("a column can be read");
        for value in values {
            text.push_str(&value);
            text.push('\n');
        }
    }
    connection.close().await.expect("an orderly goodbye");
    text
}

const PREFIX: usize = 8;

/// Secrets in every form they are looked for, by the bytes they begin with.
struct Secrets {
    forms: Option<HashMap<[u8; PREFIX], Vec<Form>>>,
    /// Which buckets of beginnings are taken: a log is long, and asking the map at each byte slow.
    taken: Vec<bool>,
    longest: usize,
}

const BUCKETS: usize = 1 << 20;

fn bucket(prefix: &[u8]) -> usize {
    let start = u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
    // Multiplied and shifted, letters that differ in a few bits land far apart.
    (start.wrapping_mul(0x9E37_79B1) >> 12) as usize
}

struct Form {
    bytes: Vec<u8>,
    disguise: &'static str,
}

impl Secrets {
    const fn none() -> Secrets {
        Secrets {
            forms: None,
            taken: Vec::new(),
            longest: 0,
        }
    }

    fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Secrets {
        let mut forms: HashMap<[u8; PREFIX], Vec<Form>> = HashMap::new();
        let mut taken = vec![false; BUCKETS];
        let mut longest = 0;
        for form in secrets
            .collect::<HashSet<_>>()
            .into_iter()
            .flat_map(forms_of)
        {
            longest = longest.max(form.bytes.len());
            let prefix = *form.bytes.first_chunk().expect("longer than its prefix");
            taken[bucket(&prefix)] = true;
            forms.entry(prefix).or_default().push(form);
        }
        Secrets {
            forms: Some(forms),
            taken,
            longest,
        }
    }

    fn join(&mut self, other: Secrets) {
        let forms = self.forms.get_or_insert_default();
        for (prefix, more) in other.forms.into_iter().flatten() {
            forms.entry(prefix).or_default().extend(more);
        }
        self.taken.resize(BUCKETS, false);
        for (mine, theirs) in self.taken.iter_mut().zip(other.taken) {
            *mine |= theirs;
        }
        self.longest = self.longest.max(other.longest);
    }

    /// Says where the first secret is and in what form; the secret itself is not repeated.
    fn find(&self, text: &[u8]) -> Option<String> {
        let forms = self.forms.as_ref()?;
        let mut at = 0;
        while let Some(prefix) = text.get(at..at + PREFIX) {
            if self.taken[bucket(prefix)]
                && let Some(form) = forms
                    .get(prefix)
                    .and_then(|same| same.iter().find(|form| text[at..].starts_with(&form.bytes)))
            {
                return Some(found_at(text, at, form));
            }
            at += 1;
        }
        None
    }
}

fn found_at(text: &[u8], at: usize, form: &Form) -> String {
    let start = text[..at]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1)
        .max(at.saturating_sub(300));
    format!(
        "{} of {} bytes beginning {:?}, after: {}",
        form.disguise,
        form.bytes.len(),
        String::from_utf8_lossy(&form.bytes[..4]),
        String::from_utf8_lossy(&text[start..at]),
    )
}

fn forms_of(secret: &str) -> Vec<Form> {
    assert!(
        secret.len() >= 2 * PREFIX,
        "too short to be a secret that can be looked for: {} bytes",
        secret.len()
    );
    let mut forms = vec![(secret.to_owned(), "the plain text")];
    let json = serde_json::Value::from(secret).to_string();
    forms.push((json[1..json.len() - 1].to_owned(), "the JSON text"));
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push((hex.to_uppercase(), "the hex text"));
    forms.push((hex, "the hex text"));
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    // Forms and URLs leave these as they are.
    let lenient = percent
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_");
    forms.push((lenient.replace("%7E", "~"), "the percent-encoded text"));
    forms.push((lenient, "the percent-encoded text"));
    forms.push((percent, "the percent-encoded text"));
    // Inside a longer text, as in `Basic base64(id:secret)`, base64 looks different by where the
    // secret begins: three ways, each without the characters that share bits with a neighbour.
    for shift in 0..3 {
        let padded = [&[0; 2][..shift], secret.as_bytes()].concat();
        for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&padded);
            let whole = padded.len() * 8 / 6;
            forms.push((
                encoded[(shift * 8).div_ceil(6)..whole].to_owned(),
                "the base64 text",
            ));
        }
    }
    // A token without special characters looks the same in most of them.
    forms.sort();
    forms.dedup_by(|one, other| one.0 == other.0);
    forms
        .into_iter()
        .map(|(text, disguise)| Form {
            bytes: text.into_bytes(),
            disguise,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t/with+odd=characters.and~more";

    fn found(text: &str) -> bool {
        Secrets::new([SECRET].into_iter())
            .find(text.as_bytes())
            .is_some()
    }

    #[test]
    fn every_disguise_is_seen_through() {
        assert!(found(&format!("token={SECRET}")));
        assert!(found("token=s3cr3t%2Fwith%2Bodd%3Dcharacters.and~more"));
        for before in ["", "a", "ab", "abc", "client:"] {
            for after in ["", "x", "xy", "xyz"] {
                let embedded = format!("{before}{SECRET}{after}");
                assert!(found(&BASE64_STANDARD_NO_PAD.encode(&embedded)));
                assert!(found(&BASE64_URL_SAFE_NO_PAD.encode(&embedded)));
            }
        }
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert!(found(&hex));
        assert!(!found("s3cr3t/with+odd=characters.and~mor"));
    }

    #[tokio::test]
    async fn a_row_and_a_deleted_row_of_sqlite_are_searched() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("some.db");
        let mut connection = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .connect()
            .await
            .expect("a database");
        sqlx::raw_sql(AssertSqlSafe(format!(
            "create table note (word text); insert into note values ('{}{SECRET}')",
            "long ".repeat(3000)
        )))
        .execute(&mut connection)
        .await
        .expect("a row");
        assert!(found(&sqlite_rows(&path).await));
        assert_sqlite_free_of_secrets(&path, &["another-secret-altogether"]).await;
        sqlx::raw_sql("delete from note")
            .execute(&mut connection)
            .await
            .expect("no row");
        connection.close().await.expect("an orderly goodbye");
        assert!(!found(&sqlite_rows(&path).await));
        let left = std::fs::read(&path).expect("the file");
        assert!(Secrets::new([SECRET].into_iter()).find(&left).is_some());
    }
}
