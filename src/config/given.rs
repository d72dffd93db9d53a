//! Where the text of a setting comes from: the command line, else the environment, else a file of settings. A
//! secret may be in a file of its own, which another setting names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use zeroize::Zeroizing;

use super::Settings;
use super::setting::{Invalid, Problem};
use crate::error::ShouldBe;
use crate::secret::Secret;

/// The settings that may be in a file of their own, by their ids.
pub(super) const SECRETS: [&str; 10] = [
    "database_url",
    "sealing_keys",
    "provider_client_secret",
    "provider_client_key",
    "provider_client_certificate",
    "provider_dpop_key",
    "introspection_secret",
    "service_secret",
    "webhook_secret",
    "otlp_headers",
];
/// What the id of a setting that names such a file ends in.
const FILE: &str = "_file";
const PREFIX: &str = "LATCHKEY_";
/// The setting that names a file of settings.
pub(super) const ENV_FILE: &str = "LATCHKEY_ENV_FILE";
/// The most bytes that are read from a file.
const LARGEST: u64 = 64 * 1024;
/// Variables that only builds for tests know.
#[cfg(debug_assertions)]
const FOR_TESTS: &[&str] = &["LATCHKEY_CLOCK_IS_AHEAD", "LATCHKEY_MOMENTS"];
#[cfg(not(debug_assertions))]
const FOR_TESTS: &[&str] = &[];

/// The name of the variable of a setting.
pub(super) fn variable(id: &str) -> String {
    format!("{PREFIX}{}", id.to_uppercase())
}

/// The settings that name files of secrets.
pub(super) fn files_of_secrets(ids: &[String]) -> impl Iterator<Item = Arg> {
    let secrets = SECRETS
        .iter()
        .filter(|secret| ids.iter().any(|id| id == *secret));
    secrets.map(|secret| {
        let id = format!("{secret}{FILE}");
        let flag = id.replace('_', "-");
        Arg::new(id)
            .long(flag)
            .value_name("FILE")
            .help(format!("File that holds the value of {}", variable(secret)))
            .help_heading("Settings")
    })
}

/// Where a text was found. Of two, the later one here wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    EnvFile,
    Environment,
    Line,
}

/// The texts of all settings, by the names of their variables, and what was found about their files.
#[derive(Clone, Default)]
pub struct Given {
    texts: BTreeMap<String, Secret>,
    wrong: Vec<Invalid>,
    notices: Vec<String>,
}

impl Given {
    /// Reads what the command line, parsed for the first time, and the environment name.
    pub(super) fn read(matches: &ArgMatches) -> Self {
        let mut given = Self::default();
        let ids = Settings::ids();
        let mut layers = BTreeMap::new();
        if let Some(path) =
            text_of(matches, "env_file").and_then(|(_, text)| text.into_string().ok())
        {
            for (name, text) in given.env_file(&path) {
                layers.insert(name, (Layer::EnvFile, text));
            }
        }
        let files = SECRETS.map(|secret| format!("{secret}{FILE}"));
        for id in ids.iter().chain(&files) {
            let Some((layer, text)) = text_of(matches, id) else {
                continue;
            };
            let name = variable(id);
            match text.into_string() {
                Ok(text) => {
                    layers.insert(name, (layer, Secret::new(text)));
                }
                Err(_) => given.wrong.push(Invalid::new(
                    &name,
                    Problem::Malformed,
                    ShouldBe::new("text in UTF-8"),
                )),
            }
        }
        given.files(&mut layers);
        let names = Settings::names();
        let known = layers.into_iter().filter(|(name, _)| names.contains(name));
        given.texts = known.map(|(name, (_, text))| (name, text)).collect();
        let mut environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        environment.sort();
        for (name, value) in environment {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            if name.starts_with(PREFIX)
                && !names.iter().any(|known| *known == name)
                && !is_of_others(&name, &value)
            {
                given.notices.push(unknown(&name, &names));
            }
        }
        given
    }

    /// What is wrong with the files.
    pub(super) fn wrong(&self) -> &[Invalid] {
        &self.wrong
    }

    /// What an operator should know about where settings come from, a line each.
    pub(super) fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The text of a setting, unless the default applies.
    pub(super) fn text(&self, name: &str) -> Option<&Secret> {
        self.texts.get(name)
    }

    /// All texts but the name of a file of settings.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, Zeroizing<String>)> {
        let texts = self.texts.iter().filter(|(name, _)| *name != ENV_FILE);
        texts.map(|(name, text)| {
            (
                name.clone(),
                Zeroizing::new(text.expose().trim().to_owned()),
            )
        })
    }

    /// Whether a setting has another text than there. The name of a file does not count, but what it holds.
    pub(super) fn differs(&self, other: &Self, name: &str) -> bool {
        let is_file = SECRETS
            .iter()
            .any(|secret| name == variable(&format!("{secret}{FILE}")));
        let text = |given: &'_ Self| given.text(name).map(|text| text.expose().trim().to_owned());
        !is_file && name != ENV_FILE && text(self) != text(other)
    }

    /// Reads the files of secrets in place of their names.
    fn files(&mut self, layers: &mut BTreeMap<String, (Layer, Secret)>) {
        for secret in SECRETS {
            let (name, file) = (variable(secret), variable(&format!("{secret}{FILE}")));
            let Some((of_file, path)) = layers.get(&file).cloned() else {
                continue;
            };
            match layers.get(&name) {
                Some((of_text, _)) if *of_text > of_file => continue,
                Some((of_text, _)) if *of_text == of_file => {
                    let problem = Problem::Both(file);
                    self.wrong.push(Invalid::new(
                        &name,
                        problem,
                        ShouldBe::new("one of the two"),
                    ));
                }
                _ => match self.content(&file, path.expose()) {
                    Some(content) => {
                        layers.insert(name, (of_file, content));
                    }
                    None => {
                        layers.remove(&name);
                    }
                },
            }
        }
    }

    /// The content of a file that a setting names, without the ends of lines at its end.
    fn content(&mut self, setting: &str, path: &str) -> Option<Secret> {
        let why = match read(path) {
            Ok((text, mode)) => {
                let has_secret = setting != ENV_FILE || names_a_secret(text.expose());
                if mode & 0o004 != 0 && has_secret {
                    self.notices.push(format!(
                        "other users can read {path} ({setting}), which holds a secret: take that right from them (chmod o= {path})"
                    ));
                }
                let content = text.expose().trim_end_matches(['\n', '\r']);
                if !content.trim().is_empty() {
                    return Some(Secret::new(content));
                }
                "it is empty".to_owned()
            }
            Err(error) => error.to_string(),
        };
        let problem = Problem::Unreadable(path.to_owned(), why);
        let should_be = ShouldBe::new("a file of text that this user can read");
        self.wrong.push(Invalid::new(setting, problem, should_be));
        None
    }

    /// The settings in a file of settings.
    fn env_file(&mut self, path: &str) -> Vec<(String, Secret)> {
        let Some(text) = self.content(ENV_FILE, path) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let names = Settings::names();
        for (number, line) in (1..).zip(text.expose().lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, text)) = assignment(line) else {
                let problem =
                    Problem::Unreadable(path.to_owned(), format!("line {number} cannot be read"));
                let should_be = ShouldBe::new(
                    "a file of lines NAME=value, the value in quotes if it has spaces at its ends",
                );
                self.wrong.push(Invalid::new(ENV_FILE, problem, should_be));
                continue;
            };
            if name == ENV_FILE || !names.contains(&name) {
                self.notices.push(match name.starts_with(PREFIX) {
                    true => format!("{path} ({ENV_FILE}): {}", unknown(&name, &names)),
                    false => format!("{path} ({ENV_FILE}): {name} has no effect there: only settings of Latchkey have"),
                });
            } else if !text.expose().trim().is_empty() {
                found.push((name, text));
            }
        }
        found
    }
}

/// Whether a file of settings holds a secret itself.
fn names_a_secret(text: &str) -> bool {
    let mut names = text
        .lines()
        .filter_map(|line| Some(assignment(line.trim())?.0));
    names.any(|name| SECRETS.iter().any(|secret| name == variable(secret)))
}

/// The text that is not blank of a setting, and where it was found.
fn text_of(matches: &ArgMatches, id: &str) -> Option<(Layer, OsString)> {
    let layer = match matches
        .try_get_raw(id)
        .ok()?
        .and(matches.value_source(id))?
    {
        ValueSource::CommandLine => Layer::Line,
        ValueSource::EnvVariable => Layer::Environment,
        _ => return None,
    };
    let text = matches.get_raw(id)?.next_back()?;
    let is_blank = text.to_str().is_some_and(|text| text.trim().is_empty());
    (!is_blank).then(|| (layer, text.to_owned()))
}

fn read(path: &str) -> io::Result<(Secret, u32)> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut text = String::new();
    let size = file.take(LARGEST + 1).read_to_string(&mut text)?;
    let text = Secret::new(text);
    if size as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    Ok((text, mode))
}

/// Reads `NAME=value`, in the way in which systemd, Docker Compose and shells agree: a value may be in single
/// quotes, and in double quotes, where a backslash takes the meaning from `"`, `\`, `$` and a backtick.
fn assignment(line: &str) -> Option<(String, Secret)> {
    let (name, value) = line
        .strip_prefix("export ")
        .unwrap_or(line)
        .split_once('=')?;
    let name = name.trim();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    let value = value.trim();
    let value = if let Some(quoted) = value.strip_prefix('\'') {
        let quoted = quoted.strip_suffix('\'')?;
        (!quoted.contains('\'')).then(|| quoted.to_owned())?
    } else if let Some(quoted) = value.strip_prefix('"') {
        unescaped(quoted.strip_suffix('"')?)?
    } else {
        value.to_owned()
    };
    Some((name.to_owned(), Secret::new(value)))
}

fn unescaped(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\\' => match letters.next()? {
                taken @ ('"' | '\\' | '$' | '`') => text.push(taken),
                other => text.extend(['\\', other]),
            },
            letter => text.push(letter),
        }
    }
    Some(text)
}

/// Writes `NAME=value` so that [`assignment`] reads the same value, and so do systemd, Docker Compose and shells.
/// None if it has more than one line.
pub fn line_of(name: &str, value: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,*~[]".contains(c);
    if value.contains(['\n', '\r', '\0']) {
        None
    } else if value.chars().all(is_plain) {
        Some(format!("{name}={value}"))
    } else if !value.contains('\'') {
        Some(format!("{name}='{value}'"))
    } else {
        let mut quoted = String::new();
        for letter in value.chars() {
            if matches!(letter, '"' | '\\' | '$' | '`') {
                quoted.push('\\');
            }
            quoted.push(letter);
        }
        Some(format!("{name}=\"{quoted}\""))
    }
}

/// Whether a variable is no setting, and not meant to be one. Kubernetes gives a container the address of each
/// service of its namespace, and a service may be called `latchkey`.
fn is_of_others(name: &str, value: &str) -> bool {
    let begins_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let of_kubernetes = name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name
            .split_once("_PORT_")
            .is_some_and(|(_, rest)| begins_with_digit(rest));
    of_kubernetes || FOR_TESTS.contains(&name)
}

/// The most letters in which a mistyped name differs from what is meant.
const TYPOS: usize = 2;

/// Says that there is no such setting, and which one may be meant.
fn unknown(name: &str, names: &[String]) -> String {
    match nearest(name, names) {
        Some(nearest) => format!("{name} is no setting and has no effect: is {nearest} meant?"),
        None => {
            format!("{name} is no setting and has no effect: `latchkey --help` lists all settings")
        }
    }
}

/// The setting that may be meant: its name was mistyped, or words of it were left out, or it is not far off.
fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a String> {
    let bare = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_uppercase();
    let given = bare(name);
    let far = |known: &&String| strsim::damerau_levenshtein(&given, &bare(known));
    let nearest = names.iter().min_by_key(far)?;
    if far(&nearest) <= TYPOS {
        return Some(nearest);
    }
    let has_all_words = |known: &&String| {
        let known = bare(known);
        let mut words = known.split('_');
        given
            .split('_')
            .all(|word| words.any(|known| known == word))
    };
    let longer = names.iter().filter(has_all_words);
    let longer = longer.min_by_key(|known| known.len());
    longer.or(Some(nearest).filter(|nearest| far(nearest) <= given.len() / 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for value in [
            "https://latchkey.example.com/a?b=c",
            "Acme Drive",
            " spaces ",
            "it's \"$5\" \\ `now`",
            "#1",
            "$HOME",
            "k1:AAAA==",
            "",
            "ä'ö",
        ] {
            let line = line_of("LATCHKEY_A", value).expect("it is one line");
            let (name, read) = assignment(&line).expect("it can be read");
            assert_eq!(
                (name.as_str(), read.expose()),
                ("LATCHKEY_A", value),
                "{line}"
            );
        }
        assert!(line_of("LATCHKEY_A", "two\nlines").is_none());
    }

    #[test]
    fn f26_what_is_no_assignment_is_not_read_as_one() {
        for line in [
            "LATCHKEY_A",
            "=x",
            "A B=x",
            "A='x",
            "A='x'y'",
            "A=\"x",
            "A=\"x\"y\"",
            "A=\"x\\\"",
        ] {
            assert!(assignment(line).is_none(), "{line}");
        }
        let (name, text) = assignment("export A = x y ").expect("it can be read");
        assert_eq!((name.as_str(), text.expose()), ("A", "x y"));
    }

    #[test]
    fn f26_the_nearest_name_is_told_if_one_is_near() {
        let names = Settings::names();
        for (given, meant) in [
            ("LATCHKEY_BASEURL", "LATCHKEY_BASE_URL"),
            ("LATCHKEY_BASE_UR", "LATCHKEY_BASE_URL"),
            (
                "LATCHKEY_PROVIDER_SECRET",
                "LATCHKEY_PROVIDER_CLIENT_SECRET",
            ),
            ("LATCHKEY_SEALING_KEY", "LATCHKEY_SEALING_KEYS"),
            ("LATCHKEY_ISSUER", "LATCHKEY_PROVIDER_ISSUER"),
            ("LATCHKEY_listen", "LATCHKEY_LISTEN"),
        ] {
            let words = unknown(given, &names);
            assert!(words.contains(&format!("is {meant} meant")), "{words}");
        }
        assert!(unknown("LATCHKEY_XYZZY_PLUGH", &names).contains("--help"));
    }

    #[test]
    fn variables_of_kubernetes_are_no_settings() {
        for (name, value) in [
            ("LATCHKEY_PORT", "tcp://10.0.0.1:8080"),
            ("LATCHKEY_SERVICE_HOST", "10.0.0.1"),
            ("LATCHKEY_SERVICE_PORT", "8080"),
            ("LATCHKEY_SERVICE_PORT_HTTP", "8080"),
            ("LATCHKEY_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("LATCHKEY_METRICS_PORT", "tcp://10.0.0.1:9090"),
        ] {
            assert!(is_of_others(name, value), "{name}");
        }
        assert!(!is_of_others("LATCHKEY_PORT", "8080"));
        assert!(!is_of_others("LATCHKEY_SERVICE_SECRET", "x"));
    }
}
