//! One setting: the text from the command line or the environment, parsed as a type.
//!
//! A malformed text does not fail at once, because not every command needs every setting. It fails when the
//! setting is read, with one line that names the setting and repeats the text unless it may be a secret.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;
use std::net::AddrParseError;
use std::str::{FromStr, ParseBoolError};

use clap::builder::{PossibleValue, TypedValueParser, ValueParserFactory};
use clap::{Arg, Command, ValueEnum};
use url::Url;

use crate::clock::Seconds;
use crate::error::ShouldBe;
use crate::names;
use crate::secret::Secret;
use crate::sites::is_loopback;

use super::given::{SECRETS, variable};

/// The shortest secret that an operator may choose, in bytes.
const SHORTEST_SECRET: usize = 16;

/// The most characters of a malformed text that are repeated.
const SHOWN: usize = 60;
/// Characters that surround what is secret in an address, or in the text of another setting.
const AROUND_SECRETS: [char; 5] = ['@', '?', '#', '=', '\n'];

/// A setting that is missing, malformed or useless, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}: {should_be}{}", self.not_given())]
pub struct Invalid {
    /// The name of the environment variable.
    pub setting: String,
    pub(super) problem: Problem,
    should_be: ShouldBe,
    /// What was given, if it may be repeated.
    shown: Option<String>,
}

impl Invalid {
    pub(super) fn new(setting: &str, problem: Problem, should_be: ShouldBe) -> Self {
        Self {
            setting: setting.to_owned(),
            problem,
            should_be,
            shown: None,
        }
    }

    /// Whether it is about this setting, or about the file that holds its value.
    pub(super) fn is_about(&self, setting: &str) -> bool {
        let bare = |name: &str| name.strip_suffix("_FILE").unwrap_or(name).to_owned();
        bare(&self.setting) == bare(setting)
    }

    fn not_given(&self) -> String {
        let shown = self.shown.as_ref();
        shown.map_or_else(String::new, |text| format!(", not {text:?}"))
    }
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    Missing,
    Malformed,
    Useless,
    /// Other settings rule it out.
    Unfit,
    /// This one is set too.
    Both(String),
    /// It names this file, which cannot be read for this reason.
    Unreadable(String, String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Malformed => f.write_str("is malformed"),
            Self::Useless => f.write_str("is of no use with this LATCHKEY_PROVIDER"),
            Self::Unfit => f.write_str("does not go with other settings"),
            Self::Both(other) => write!(f, "is set, and so is {other}"),
            Self::Unreadable(path, why) => write!(f, "names {path}, which cannot be read ({why})"),
        }
    }
}

/// The text given for one setting. A blank text counts as not given, and then the default applies.
#[derive(Clone)]
pub struct Setting<T> {
    name: String,
    given: Option<Result<T, ShouldBe>>,
    /// The text, if it may be repeated.
    shown: Option<String>,
}

impl<T: Clone> Setting<T> {
    /// The value, or none if nothing was given and there is no default.
    pub(super) fn get(&self) -> Result<Option<T>, Invalid> {
        let given = self.given.clone();
        given
            .transpose()
            .map_err(|should_be| self.malformed(should_be))
    }

    /// The value of a setting that has a default or that the rules require.
    pub(super) fn value(&self) -> Result<T, Invalid> {
        self.get()?.ok_or_else(|| self.missing())
    }

    /// The value, if one was given and is well-formed.
    pub(super) fn peek(&self) -> Option<&T> {
        self.given.as_ref()?.as_ref().ok()
    }

    fn missing(&self) -> Invalid {
        Invalid::new(&self.name, Problem::Missing, ShouldBe::new("given"))
    }

    fn malformed(&self, should_be: ShouldBe) -> Invalid {
        Invalid {
            shown: self.shown.clone(),
            ..Invalid::new(&self.name, Problem::Malformed, should_be)
        }
    }

    pub(super) fn is_given(&self) -> bool {
        self.given.is_some()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Setting<String> {
    /// The text, or this one if none was given.
    pub(super) fn or(&self, default: &str) -> Result<String, Invalid> {
        Ok(self.get()?.unwrap_or_else(|| default.to_owned()))
    }
}

impl Setting<ServerUrl> {
    /// The URL, or none. `loopback` says whether loopback hosts may use plain http.
    pub(super) fn url(&self, loopback: bool) -> Result<Option<Url>, Invalid> {
        let url = self.get()?.map(|url| url.secure(loopback)).transpose();
        url.map_err(|should_be| self.malformed(should_be))
    }

    /// The URL of a setting that has a default, without a trailing slash.
    pub(super) fn prefix(&self, loopback: bool) -> Result<String, Invalid> {
        self.url_as::<Prefix>(loopback).map(|prefix| prefix.0)
    }

    /// The URL of a setting that has a default or that the rules require, as another type.
    pub(super) fn url_as<U: TryFrom<Url>>(&self, loopback: bool) -> Result<U, Invalid>
    where
        U::Error: Into<ShouldBe>,
    {
        let url = self.url(loopback)?.ok_or_else(|| self.missing())?;
        url.try_into()
            .map_err(|should_be: U::Error| self.malformed(should_be.into()))
    }
}

impl Setting<PageUrl> {
    /// The URL, or none. `loopback` says whether loopback hosts may use plain http.
    pub(super) fn page(&self, loopback: bool) -> Result<Option<Url>, Invalid> {
        let url = self.get()?.map(|PageUrl(url)| match url.scheme() {
            "http" if !loopback => Err(ShouldBe::new(PAGE)),
            _ => Ok(url),
        });
        url.transpose()
            .map_err(|should_be| self.malformed(should_be))
    }
}

/// A type that a setting can have.
pub trait SettingType: Clone + Send + Sync + Sized + 'static {
    /// Parses a text that is not blank and has no surrounding white space.
    ///
    /// # Errors
    /// What the text should look like, if it is malformed.
    fn read(text: &str) -> Result<Self, ShouldBe>;

    /// All values, for a type that has a few fixed ones.
    #[must_use]
    fn choices() -> Vec<PossibleValue> {
        Vec::new()
    }
}

impl<T> SettingType for T
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: Into<ShouldBe>,
{
    fn read(text: &str) -> Result<Self, ShouldBe> {
        text.parse().map_err(Into::into)
    }
}

impl From<Infallible> for ShouldBe {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<AddrParseError> for ShouldBe {
    fn from(_: AddrParseError) -> Self {
        Self::new("an address and a port, like 127.0.0.1:8080")
    }
}

impl From<ParseBoolError> for ShouldBe {
    fn from(_: ParseBoolError) -> Self {
        Self::new("`true` or `false`")
    }
}

/// One of a few fixed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice<T>(pub(super) T);

impl<T: ValueEnum + Send + Sync + 'static> SettingType for Choice<T> {
    fn read(text: &str) -> Result<Self, ShouldBe> {
        let quoted = |choice: &PossibleValue| format!("`{}`", choice.get_name());
        T::from_str(text, false).map(Self).map_err(|_| {
            let mut names: Vec<String> = Self::choices().iter().map(quoted).collect();
            let last = names.pop().unwrap_or_default();
            ShouldBe::new(format!("{} or {last}", names.join(", ")))
        })
    }

    fn choices() -> Vec<PossibleValue> {
        let variants = T::value_variants().iter();
        variants.filter_map(ValueEnum::to_possible_value).collect()
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: i64, const MAX: i64>(pub(super) i64);

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// The number, for ranges that lie within 32 bits.
    pub(super) fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl<const MIN: i64, const MAX: i64> FromStr for Whole<MIN, MAX> {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        within::<MIN, MAX>(text)
            .map(Self)
            .ok_or_else(|| ShouldBe::new(format!("a number from {MIN} to {MAX}")))
    }
}

/// A number of seconds from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<const MIN: Seconds, const MAX: Seconds>(pub(super) Seconds);

impl<const MIN: Seconds, const MAX: Seconds> FromStr for Span<MIN, MAX> {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        within::<MIN, MAX>(text)
            .map(Self)
            .ok_or_else(|| ShouldBe::new(format!("a number of seconds from {MIN} to {MAX}")))
    }
}

fn within<const MIN: i64, const MAX: i64>(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .filter(|number| (MIN..=MAX).contains(number))
}

/// A secret that is long enough not to be guessed.
#[derive(Clone)]
pub struct LongSecret(pub(super) Secret);

impl FromStr for LongSecret {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        if text.len() < SHORTEST_SECRET {
            return Err(ShouldBe::new(
                "16 characters or more that cannot be guessed",
            ));
        }
        Ok(Self(Secret::new(text)))
    }
}

/// Secrets of the same kind, comma separated: two while one takes the place of the other.
#[derive(Clone)]
pub struct LongSecrets(pub(super) Vec<Secret>);

impl FromStr for LongSecrets {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let each = text.split(',').map(|secret| secret.trim().parse());
        let secrets: Result<Vec<LongSecret>, _> = each.collect();
        match secrets {
            Ok(secrets) if secrets.len() <= 2 => {
                Ok(Self(secrets.into_iter().map(|secret| secret.0).collect()))
            }
            _ => Err(ShouldBe::new(
                "one secret or two, comma separated, each of 16 characters or more",
            )),
        }
    }
}

/// The URL of a server. Another setting decides whether it may be plain http, so every reader must pass that
/// setting.
#[derive(Debug, Clone)]
pub struct ServerUrl {
    url: Url,
    text: String,
}

impl ServerUrl {
    fn secure(self, loopback: bool) -> Result<Url, ShouldBe> {
        if self.url.scheme() == "https" || loopback {
            Ok(self.url)
        } else {
            Err(ShouldBe::new(HTTPS))
        }
    }

    /// The text as given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

const HTTPS: &str = "an https URL without user, query or fragment";
const HTTPS_OR_LOOPBACK: &str = "an https URL without user, query or fragment, or http on a loopback \
    host where LATCHKEY_ALLOW_LOOPBACK_HTTP is true";

impl FromStr for ServerUrl {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let url = Url::parse(text).map_err(|_| ShouldBe::new(HTTPS))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => url.host().is_some_and(|host| is_loopback(&host)),
            _ => false,
        };
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if secure && plain && url.has_host() {
            let text = text.to_owned();
            Ok(Self { url, text })
        } else {
            Err(ShouldBe::new(HTTPS_OR_LOOPBACK))
        }
    }
}

/// The URL of something that people see or open. Another setting decides whether it may be plain http.
#[derive(Debug, Clone)]
pub struct PageUrl(Url);

const PAGE: &str = "an https URL, like https://acme.example.com/help?from=jira";

impl FromStr for PageUrl {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let good = |url: &Url| {
            let secure = match url.scheme() {
                "https" => true,
                "http" => url.host().is_some_and(|host| is_loopback(&host)),
                _ => false,
            };
            secure && url.has_host() && url.username().is_empty() && url.password().is_none()
        };
        let url = Url::parse(text).ok().filter(good);
        url.map(Self).ok_or(ShouldBe::new(PAGE))
    }
}

/// A sentence that people read.
#[derive(Debug, Clone)]
pub struct Sentence(pub(super) String);

/// The most characters of a sentence.
const LONGEST_SENTENCE: usize = 160;

impl FromStr for Sentence {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let fits = text.chars().count() <= LONGEST_SENTENCE;
        // Nothing is cut out of it.
        let sentence = names::shown(text).filter(|shown| fits && shown == text);
        sentence
            .map(Self)
            .ok_or(ShouldBe::new("one sentence of at most 160 characters"))
    }
}

/// A URL that paths are appended to, without a trailing slash.
struct Prefix(String);

impl From<Url> for Prefix {
    fn from(url: Url) -> Self {
        Self(url.as_str().trim_end_matches('/').to_owned())
    }
}

impl<T: SettingType> ValueParserFactory for Setting<T> {
    type Parser = Reader<T>;

    fn value_parser() -> Reader<T> {
        Reader(PhantomData)
    }
}

/// The text of a setting, if a message may repeat it: it is short, and neither a secret nor a text that may
/// contain one.
fn shown(id: &str, text: &OsStr) -> Option<String> {
    let text = text.to_str()?.trim();
    let is_secret = SECRETS.contains(&id) || id == "property_public_key";
    let may_be_shown =
        !is_secret && !text.contains(AROUND_SECRETS) && text.chars().count() <= SHOWN;
    (may_be_shown && !text.is_empty()).then(|| text.to_owned())
}

/// Lets clap read a [`Setting`].
pub struct Reader<T>(PhantomData<fn() -> T>);

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T: SettingType> TypedValueParser for Reader<T> {
    type Value = Setting<T>;

    fn parse_ref(
        &self,
        _: &Command,
        arg: Option<&Arg>,
        text: &OsStr,
    ) -> Result<Setting<T>, clap::Error> {
        let id = arg.map_or("", |arg| arg.get_id().as_str());
        let default = arg.and_then(|arg| arg.get_default_values().first());
        let default = default.map_or("", |text| text.to_str().unwrap_or_default());
        let read = |text: &str| match text.trim() {
            "" => None,
            text => Some(T::read(text)),
        };
        Ok(Setting {
            name: variable(id),
            given: match text.to_str() {
                Some(text) => read(text).or_else(|| read(default)),
                None => Some(Err(ShouldBe::new("text in UTF-8"))),
            },
            shown: shown(id, text),
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let choices = T::choices();
        (!choices.is_empty()).then(|| Box::new(choices.into_iter()) as Box<_>)
    }
}
