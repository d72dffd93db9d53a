//! All that is wrong with the settings, told at once.

use std::fmt;

use super::Settings;
use super::given::ENV_FILE;
use super::setting::{Invalid, Problem};

/// What is wrong with the settings: at least one thing, in the order in which the settings are declared. It is
/// displayed as one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(Vec<Invalid>);

impl Wrong {
    /// Each setting that is wrong.
    pub fn each(&self) -> impl Iterator<Item = &Invalid> {
        self.0.iter()
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.each().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Wrong {}

impl From<Invalid> for Wrong {
    fn from(one: Invalid) -> Self {
        Self(vec![one])
    }
}

/// Settings that are being read. What is wrong is collected until all of them were looked at.
pub(super) struct Reading {
    wrong: Vec<Invalid>,
}

impl Reading {
    /// Begins with what is wrong with the files that settings are in.
    pub(super) fn of_files(settings: &Settings) -> Self {
        Self {
            wrong: settings.given.wrong().to_vec(),
        }
    }

    pub(super) fn nothing() -> Self {
        Self { wrong: Vec::new() }
    }

    /// The value, or none and one more thing that is wrong.
    pub(super) fn take<T>(&mut self, value: Result<T, impl Into<Wrong>>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(wrong) => {
                let Wrong(wrong) = wrong.into();
                self.add(wrong);
                None
            }
        }
    }

    /// Each setting is named once, with what was found first: a value that could not be read is not missing too.
    pub(super) fn add(&mut self, wrong: impl IntoIterator<Item = Invalid>) {
        for one in wrong {
            let mut before = self.wrong.iter();
            let is_said = before.any(|said| {
                said.is_about(&one.setting)
                    || (said.setting == ENV_FILE && one.problem == Problem::Missing)
            });
            if !is_said {
                self.wrong.push(one);
            }
        }
    }

    /// What was read from these settings, if nothing was wrong.
    pub(super) fn end<T>(mut self, read: Option<T>) -> Result<T, Wrong> {
        match read {
            Some(read) if self.wrong.is_empty() => Ok(read),
            _ => {
                let names = Settings::names();
                let place = |one: &Invalid| names.iter().position(|name| one.is_about(name));
                self.wrong.sort_by_key(place);
                Err(Wrong(self.wrong))
            }
        }
    }
}

/// Reads every field of a struct before it looks whether one is wrong.
macro_rules! each_field {
    ($reading:expr, $Type:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        $(let $field = $reading.take($value);)*
        match ($($field,)*) {
            ($(Some($field),)*) => Some($Type { $($field),* }),
            _ => None,
        }
    }};
}

pub(super) use each_field;
