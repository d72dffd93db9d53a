//! Every text that a person reads on a page or in a problem document, in each language.
//!
//! The texts are in `src/words/*.ftl`, one file a language, in the syntax of Fluent. The build checks the files and
//! makes a function of each message (`build.rs`).
//!
//! Fluent can put marks around each value, so that a name written from right to left doesn't disturb the text around
//! it. They are switched off: on a page a name stands in a `bdi` element, which does the same and is no part of the
//! text. So what a program reads, or a person copies, is just the name.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Write as _};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentNumberOptions};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use serde_json::{Map, Value as Json, json};
use unic_langid::LanguageIdentifier;

include!(concat!(env!("OUT_DIR"), "/words.rs"));

/// How many languages of an `Accept-Language` header are looked at.
const LOOKED_AT: usize = 16;
/// One number at least for each form that one of the languages has.
const SAMPLES: &[i64] = &[0, 1, 2, 3, 11, 100, 1_000_000];
/// The first of the private characters that stand for values until a text is escaped.
const FIRST_MARK: u32 = 0xE000;

impl Language {
    /// The language that a tag names, as far as pages speak it: `de`, `de-AT` and `de_DE` are German.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.trim().replace('_', "-");
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
        let exact = |language: &&Self| language.tag().eq_ignore_ascii_case(&tag);
        let close = |language: &&Self| primary(language.tag()) == primary(&tag);
        let all = Self::ALL.iter();
        all.clone()
            .find(exact)
            .or_else(|| all.clone().find(close))
            .copied()
    }

    /// The language that a browser likes best of those that pages speak (RFC 9110, section 12.5.4).
    #[must_use]
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for part in header.split(',').take(LOOKED_AT) {
            let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse);
            let (Some(language), Ok(weight)) = (Self::parse(tag), weight) else {
                continue;
            };
            if weight > best.map_or(0.0, |(_, weight)| weight) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    fn identifier(self) -> LanguageIdentifier {
        self.tag().parse().unwrap_or_default()
    }

    fn bundle(self) -> &'static FluentBundle<FluentResource> {
        static BUNDLES: LazyLock<Vec<FluentBundle<FluentResource>>> = LazyLock::new(|| {
            Language::ALL
                .iter()
                .map(|language| language.read())
                .collect()
        });
        &BUNDLES[self as usize]
    }

    fn read(self) -> FluentBundle<FluentResource> {
        let mut bundle = FluentBundle::new_concurrent(vec![self.identifier()]);
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(|value, _| match value {
            FluentValue::Number(number) => number.options.currency.clone(),
            _ => None,
        }));
        // The build has read the file without an error and found each message once.
        let resource = FluentResource::try_new(self.source().to_owned());
        let (Ok(resource) | Err((resource, _))) = resource;
        bundle.add_resource_overriding(resource);
        bundle
    }
}

/// A number that a message chooses its form by and shows as this text.
fn shown_as(number: i64, text: &str) -> FluentValue<'static> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "only small counts choose a form"
    )]
    let value = number as f64;
    FluentValue::Number(FluentNumber {
        value,
        // The formatter of the bundle shows this instead of the digits.
        options: FluentNumberOptions {
            currency: Some(text.to_owned()),
            ..FluentNumberOptions::default()
        },
    })
}

/// Which text, whatever the language.
pub type Text = fn(&Words) -> String;

/// A value of a message.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Number(i64),
    /// A text from outside, such as a name.
    Text(&'a str),
}

/// The texts in one language, and the names that all of them know.
#[derive(Debug, Clone)]
pub struct Words {
    language: Language,
    service: Arc<str>,
    app: Arc<str>,
    /// What scripts got, by language and scripts: the same for everybody, and on every framed page.
    of_scripts: Arc<Mutex<HashMap<(usize, String), Html>>>,
}

impl Words {
    /// The texts in a language, for an app with this name that connects accounts at this service.
    #[must_use]
    pub fn new(language: Language, service: &str, app: &str) -> Self {
        Self {
            language,
            service: service.into(),
            app: app.into(),
            of_scripts: Arc::default(),
        }
    }

    /// The same in another language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> Self {
        Self {
            language,
            ..self.clone()
        }
    }

    /// The language.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Name of the app.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }

    fn format(
        &self,
        id: &str,
        values: impl Iterator<Item = (&'static str, FluentValue<'static>)>,
    ) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("service", self.service.to_string());
        arguments.set("app", self.app.to_string());
        for (name, value) in values {
            arguments.set(name, value);
        }
        let bundle = self.language.bundle();
        let pattern = bundle.get_message(id).and_then(|message| message.value());
        let mut errors = Vec::new();
        // The build has checked that each language has the message, with these values.
        pattern.map_or_else(String::new, |pattern| {
            bundle
                .format_pattern(pattern, Some(&arguments), &mut errors)
                .into_owned()
        })
    }

    fn text(&self, id: &str, values: &[(&'static str, Value<'_>)]) -> String {
        let values = values.iter().map(|(name, value)| match value {
            Value::Number(number) => (*name, shown_as(*number, &number.to_string())),
            Value::Text(text) => (*name, FluentValue::from((*text).to_owned())),
        });
        self.format(id, values)
    }

    fn message(&self, id: &str, values: &[(&'static str, Value<'_>)]) -> Message {
        let marks = (FIRST_MARK..).filter_map(char::from_u32);
        let marked: Vec<_> = values.iter().zip(marks).collect();
        let text = self.format(
            id,
            marked.iter().map(|((name, value), mark)| match value {
                Value::Number(number) => (*name, shown_as(*number, &number.to_string())),
                Value::Text(_) => (*name, FluentValue::from(mark.to_string())),
            }),
        );
        let mut html = String::new();
        for c in text.chars() {
            match marked.iter().find(|(_, mark)| *mark == c) {
                Some(((name, Value::Text(value)), _)) => {
                    _ = write!(html, "<bdi data-value=\"{name}\">{}</bdi>", escaped(value));
                }
                _ => html.push_str(&escaped(c.encode_utf8(&mut [0; 4]))),
            }
        }
        Message {
            text: self.text(id, values),
            html: Html(html),
        }
    }

    /// A message by its id, as markup with an empty place for each value. For what renders templates outside of this
    /// crate.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Html> {
        let (_, variables) = VALUES.iter().find(|(known, _)| *known == id)?;
        let values: Vec<_> = variables
            .iter()
            .map(|(name, chooses)| match chooses {
                true => (*name, Value::Number(0)),
                false => (*name, Value::Text("")),
            })
            .collect();
        Some(self.message(id, &values).html)
    }

    /// The messages that these scripts ask for, as the JSON in a `script` element. Where a message takes values it has
    /// `{name}` in their places, and where it chooses a form by a number, each form under the name of its plural
    /// category.
    #[must_use]
    pub fn for_scripts(&self, scripts: &[&str]) -> Html {
        let wanted = (self.language as usize, scripts.join(" "));
        let mut made = self
            .of_scripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        made.entry(wanted)
            .or_insert_with(|| self.write_for_scripts(scripts))
            .clone()
    }

    fn write_for_scripts(&self, scripts: &[&str]) -> Html {
        let of_script = SCRIPTS.iter().filter(|(name, _)| scripts.contains(name));
        // Sorted, whatever the features of the JSON library say of the order.
        let messages: BTreeMap<String, Json> = of_script
            .flat_map(|(_, ids)| ids.iter())
            .map(|id| ((*id).to_owned(), self.for_script(id)))
            .collect();
        let messages: Map<String, Json> = messages.into_iter().collect();
        // Within a script element only `<` means something.
        Html(Json::Object(messages).to_string().replace('<', "\\u003c"))
    }

    fn for_script(&self, id: &str) -> Json {
        // The rules are of languages, not of regions.
        let mut language = self.language.identifier();
        language.region = None;
        let rules = PluralRules::create(language, PluralRuleType::CARDINAL);
        let forms: BTreeMap<String, Json> = SAMPLES
            .iter()
            .map(|number| {
                let category = rules.as_ref().map(|rules| rules.select(*number));
                let form = self.format(id, self.placeholders(id, *number).into_iter());
                (
                    category_name(category.ok().and_then(Result::ok)).to_owned(),
                    json!(form),
                )
            })
            .collect();
        // A category that looks like `other` is left out: which ones there are depends on the age of the rules.
        let other = forms.get("other").cloned().unwrap_or_default();
        let special = |(name, form): &(&String, &Json)| *name == "other" || **form != other;
        let kept: Map<String, Json> = forms
            .iter()
            .filter(special)
            .map(|(name, form)| (name.clone(), form.clone()))
            .collect();
        match kept.len() {
            1 => other,
            _ => Json::Object(kept),
        }
    }

    fn placeholders(&self, id: &str, number: i64) -> Vec<(&'static str, FluentValue<'static>)> {
        let variables = VALUES.iter().find(|(known, _)| *known == id);
        let variables = variables.map_or(&[][..], |(_, variables)| variables);
        let variables = variables.iter().map(|(name, chooses)| {
            let placeholder = format!("{{{name}}}");
            match chooses {
                true => (*name, shown_as(number, &placeholder)),
                false => (*name, FluentValue::from(placeholder)),
            }
        });
        variables.collect()
    }
}

fn category_name(category: Option<PluralCategory>) -> &'static str {
    match category {
        Some(PluralCategory::ZERO) => "zero",
        Some(PluralCategory::ONE) => "one",
        Some(PluralCategory::TWO) => "two",
        Some(PluralCategory::FEW) => "few",
        Some(PluralCategory::MANY) => "many",
        Some(PluralCategory::OTHER) | None => "other",
    }
}

/// Escapes a text for an element or an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&#38;"),
            '<' => escaped.push_str("&#60;"),
            '>' => escaped.push_str("&#62;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A message with texts from outside in it: once as text, once as markup with each of them in a `bdi` element. It is
/// not `Display`, so a template has to say which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    text: String,
    html: Html,
}

impl Message {
    /// As text, for a program and for what has no markup.
    #[must_use]
    pub fn text(self) -> String {
        self.text
    }

    /// The same, to be escaped by a template.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.text
    }

    /// As markup.
    #[must_use]
    pub fn html(&self) -> &Html {
        &self.html
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        let html = Html(escaped(&text));
        Self { text, html }
    }
}

/// Markup: what was to be escaped in it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(String);

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(language: Language) -> Words {
        Words::new(language, "Acme & Co", "Latchkey")
    }

    #[test]
    fn a_tag_names_the_nearest_language() {
        for (tag, language) in [
            ("de", Some(Language::De)),
            ("de-AT", Some(Language::De)),
            ("DE_de", Some(Language::De)),
            ("en-GB", Some(Language::En)),
            ("dee", None),
            ("", None),
            ("-de", None),
            ("zh-CN", None),
        ] {
            assert_eq!(Language::parse(tag), language, "{tag}");
        }
        for language in Language::ALL {
            assert_eq!(Language::parse(language.tag()), Some(*language));
        }
    }

    #[test]
    fn a_browser_gets_what_it_likes_best() {
        for (header, language) in [
            ("de", Some(Language::De)),
            ("nl, en;q=0.2, de;q=0.7", Some(Language::De)),
            ("de, en", Some(Language::De)),
            ("en;q=0.9,de;q=0.9", Some(Language::En)),
            ("de;q=0", None),
            ("de;q=x", None),
            ("de;q=NaN", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
        let many = "tlh,".repeat(LOOKED_AT) + "de";
        assert_eq!(Language::accepted(&many), None, "not all of them are read");
    }

    #[test]
    fn a_name_is_marked_up_and_escaped_and_is_itself_in_a_text() {
        for language in Language::ALL {
            let name = "<b>\u{e000}&\"'";
            let message = words(*language).still_connected(name);
            assert!(message.plain().contains(name), "{}", message.plain());
            let html = message.html().to_string();
            let marked = "<bdi data-value=\"name\">&#60;b&#62;\u{e000}&#38;&#34;&#39;</bdi>";
            assert!(html.contains(marked), "{html}");
            assert!(html.contains("Acme &#38; Co"), "{html}");
        }
    }

    #[test]
    fn a_number_chooses_a_form() {
        let english = words(Language::En);
        assert!(english.error_jira_busy(1).ends_with("in a minute."));
        assert!(english.error_jira_busy(7).ends_with("in 7 minutes."));
    }

    #[test]
    fn scripts_get_their_messages_with_places_for_values() {
        for language in Language::ALL {
            let json = words(*language).for_scripts(&["admin.js"]).to_string();
            assert!(!json.contains('<'), "{json}");
            let json: Json = serde_json::from_str(&json).expect("it is JSON");
            let people = &json["admin-people"];
            let other = people.get("other").unwrap_or(people);
            assert!(other.as_str().expect("a text").contains("{count}"));
            assert!(
                json.get("finish-over").is_none(),
                "that is another script's"
            );
        }
        let english = words(Language::En).for_scripts(&["admin.js"]).to_string();
        let english: Json = serde_json::from_str(&english).expect("it is JSON");
        assert_eq!(english["admin-people"]["one"], "{count} person");
        assert_eq!(english["admin-people"]["other"], "{count} people");
    }
}
