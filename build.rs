//! Checks the language files in `src/words` and turns them into functions.
//!
//! English is the model. The build fails where another language lacks one of its messages, has one that English does
//! not have, or uses other variables; where a script asks for a message that is not there; and where nothing uses a
//! message. Each message that Rust code or a template uses becomes a function whose arguments are its variables, so a
//! missing argument does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser;

/// The language whose messages the others have to have.
const MODEL: &str = "en";
/// Variables that every message knows without being given them.
const KNOWN: &[&str] = &["service", "app"];
/// Languages that are written from right to left.
const RIGHT_TO_LEFT: &[&str] = &["ar", "fa", "he", "ur"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A number that chooses a form of the message.
    Number,
    Text,
}

struct Message {
    english: String,
    /// In the order in which they come, which is that of the function's arguments.
    variables: Vec<(String, Kind)>,
}

type Messages = BTreeMap<String, Message>;

fn main() {
    for path in ["build.rs", "src", "templates", "static", "forge/src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let mut faults = Vec::new();
    let languages = languages();
    let read: BTreeMap<&str, Messages> = languages
        .iter()
        .map(|(tag, path)| (tag.as_str(), messages(path, &mut faults)))
        .collect();
    let model = &read[MODEL];
    for (tag, messages) in &read {
        compare(tag, messages, model, &mut faults);
    }
    let scripts = scripts(model, &mut faults);
    let code = code();
    let in_code = |id: &str| {
        let name = function(id);
        // Called, or named to be called later.
        code.contains(&format!(".{name}("))
            || code.contains(&format!("Words::{name},"))
            || code.contains(&format!("Words::{name})"))
    };
    let in_scripts: BTreeSet<&str> = scripts.values().flatten().map(String::as_str).collect();
    for id in model.keys() {
        if !in_code(id) && !in_scripts.contains(id.as_str()) {
            faults.push(format!("src/words: nothing uses {id}"));
        }
    }
    if !faults.is_empty() {
        for fault in faults {
            println!("cargo::error={fault}");
        }
        process::exit(1);
    }
    let mut rust = of_languages(&languages);
    rust += &of_messages(model.iter().filter(|(id, _)| in_code(id)));
    rust += &of_scripts(&scripts, model);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where"));
    let out = out.join("words.rs");
    // An unchanged file is left alone, so that nothing is compiled again because of it.
    if fs::read_to_string(&out).ok().as_deref() != Some(&rust) {
        fs::write(out, rust).expect("the folder can be written");
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder whose names end so, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Tags of the languages and their files.
fn languages() -> Vec<(String, PathBuf)> {
    let files = files("src/words", ".ftl").into_iter();
    files
        .map(|path| {
            let tag = path.file_stem().expect("it has a name").to_string_lossy();
            (tag.into_owned(), path)
        })
        .collect()
}

fn messages(path: &Path, faults: &mut Vec<String>) -> Messages {
    let source = read(path);
    let file = path.display();
    let resource = match parser::parse(source.as_str()) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            for error in errors {
                let line = source[..error.pos.start].lines().count();
                faults.push(format!("{file}:{line}: {error}"));
            }
            resource
        }
    };
    let mut messages = Messages::new();
    for entry in resource.body {
        let message = match entry {
            Entry::Message(message) => message,
            Entry::Term(term) => {
                faults.push(format!("{file}: -{} is a term", term.id.name));
                continue;
            }
            _ => continue,
        };
        let id = message.id.name.to_owned();
        let mut variables = Vec::new();
        match &message.value {
            Some(pattern) if message.attributes.is_empty() => {
                if let Err(fault) = variables_in(pattern, &mut variables) {
                    faults.push(format!("{file}: {id} {fault}"));
                }
            }
            _ => faults.push(format!("{file}: {id} is not just a text")),
        }
        let english = message.value.as_ref().map(shown).unwrap_or_default();
        if messages
            .insert(id.clone(), Message { english, variables })
            .is_some()
        {
            faults.push(format!("{file}: {id} is there twice"));
        }
    }
    messages
}

/// Collects what a text takes. It may have variables, and forms chosen by one number.
fn variables_in(
    pattern: &Pattern<&str>,
    variables: &mut Vec<(String, Kind)>,
) -> Result<(), String> {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else {
            continue;
        };
        match expression {
            Expression::Inline(inline) => {
                if let Some(name) = variable(inline)? {
                    add(variables, name, Kind::Text);
                }
            }
            Expression::Select { selector, variants } => {
                let name =
                    variable(selector)?.ok_or("chooses by a word that every message knows")?;
                add(variables, name, Kind::Number);
                for variant in variants {
                    variables_in(&variant.value, variables)?;
                }
            }
        }
    }
    Ok(())
}

/// One that chooses a form anywhere is a number everywhere.
fn add(variables: &mut Vec<(String, Kind)>, name: String, kind: Kind) {
    match variables.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) if kind == Kind::Number => *known = kind,
        Some(_) => {}
        None => variables.push((name, kind)),
    }
}

fn variable(inline: &InlineExpression<&str>) -> Result<Option<String>, String> {
    match inline {
        InlineExpression::VariableReference { id } if KNOWN.contains(&id.name) => Ok(None),
        InlineExpression::VariableReference { id } => Ok(Some(id.name.to_owned())),
        _ => Err("has something else than variables in braces".to_owned()),
    }
}

/// A text as documentation shows it.
fn shown(pattern: &Pattern<&str>) -> String {
    let elements = pattern.elements.iter();
    let parts = elements.map(|element| match element {
        PatternElement::TextElement { value } => (*value).to_owned(),
        PatternElement::Placeable { expression } => match expression {
            Expression::Inline(InlineExpression::VariableReference { id }) => {
                format!("`{}`", id.name)
            }
            Expression::Select { variants, .. } => variants
                .iter()
                .map(|variant| shown(&variant.value))
                .collect::<Vec<_>>()
                .join(" / "),
            Expression::Inline(_) => String::new(),
        },
    });
    parts.collect()
}

fn compare(tag: &str, messages: &Messages, model: &Messages, faults: &mut Vec<String>) {
    for (id, expected) in model {
        let Some(message) = messages.get(id) else {
            faults.push(format!("src/words/{tag}.ftl: {id} is missing"));
            continue;
        };
        let names = |message: &Message| -> BTreeSet<String> {
            message
                .variables
                .iter()
                .map(|(name, _)| name.clone())
                .collect()
        };
        let (has, wants) = (names(message), names(expected));
        if has != wants {
            faults.push(format!(
                "src/words/{tag}.ftl: {id} takes {has:?}, and in English {wants:?}"
            ));
        }
        for (name, kind) in &message.variables {
            if *kind == Kind::Number && expected.variables.contains(&(name.clone(), Kind::Text)) {
                faults.push(format!(
                    "src/words/{tag}.ftl: {id} chooses by {name}, which is no number"
                ));
            }
        }
    }
    for id in messages.keys().filter(|id| !model.contains_key(*id)) {
        faults.push(format!("src/words/{tag}.ftl: {id} is not in English"));
    }
}

/// The messages that each script asks for, as `text("id"` or `phrase("id"`.
fn scripts(model: &Messages, faults: &mut Vec<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut scripts = BTreeMap::new();
    for path in [files("static", ".js"), files("forge/src", ".js")].concat() {
        let source = read(&path);
        let mut ids = BTreeSet::new();
        let texts = source.split("text(\"").skip(1);
        for rest in texts.chain(source.split("phrase(\"").skip(1)) {
            let id = rest.split('"').next().unwrap_or_default();
            match model.get(id) {
                Some(message) => {
                    let kinds = message.variables.iter().map(|(_, kind)| *kind);
                    if kinds.filter(|kind| *kind == Kind::Number).count() > 1 {
                        faults.push(format!(
                            "src/words: {id} chooses by two numbers, which scripts can't"
                        ));
                    }
                    ids.insert(id.to_owned());
                }
                None => faults.push(format!("{}: there is no message {id}", path.display())),
            }
        }
        let name = path.file_name().expect("it has a name").to_string_lossy();
        scripts
            .entry(name.into_owned())
            .or_insert_with(BTreeSet::new)
            .extend(ids);
    }
    scripts
}

/// All code that can call the functions.
fn code() -> String {
    let files = [files("src", ".rs"), files("templates", ".html")].concat();
    files.iter().map(|path| read(path)).collect()
}

fn function(id: &str) -> String {
    id.replace('-', "_")
}

fn variant(tag: &str) -> String {
    tag.split('-')
        .map(|part| part[..1].to_uppercase() + &part[1..].to_lowercase())
        .collect()
}

fn of_languages(languages: &[(String, PathBuf)]) -> String {
    let mut rust = "/// The languages in which pages speak: one for each file in `src/words`.\n\
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]\npub enum Language {\n"
        .to_owned();
    let (mut all, mut tags, mut sources, mut directions) =
        (String::new(), String::new(), String::new(), String::new());
    let top = env::var("CARGO_MANIFEST_DIR").expect("cargo says where");
    for (tag, path) in languages {
        let variant = variant(tag);
        let direction = match RIGHT_TO_LEFT.contains(&tag.split('-').next().unwrap_or_default()) {
            true => "rtl",
            false => "ltr",
        };
        let path = Path::new(&top).join(path);
        _ = writeln!(rust, "    /// `{tag}`.\n    {variant},");
        _ = write!(all, "Self::{variant}, ");
        _ = writeln!(tags, "            Self::{variant} => {tag:?},");
        _ = writeln!(
            sources,
            "            Self::{variant} => include_str!({path:?}),"
        );
        _ = writeln!(directions, "            Self::{variant} => {direction:?},");
    }
    _ = write!(
        rust,
        "}}\n\nimpl Language {{\n    /// All of them.\n    pub const ALL: &[Self] = &[{all}];\n\n\
         \x20   /// Its tag (BCP 47).\n    #[must_use]\n    pub fn tag(self) -> &'static str {{\n        match self {{\n{tags}        }}\n    }}\n\n\
         \x20   /// How it is written: `ltr` or `rtl`.\n    #[must_use]\n    pub fn direction(self) -> &'static str {{\n        match self {{\n{directions}        }}\n    }}\n\n\
         \x20   fn source(self) -> &'static str {{\n        match self {{\n{sources}        }}\n    }}\n}}\n\n"
    );
    rust
}

fn of_messages<'a>(messages: impl Iterator<Item = (&'a String, &'a Message)>) -> String {
    let mut rust = "impl Words {\n".to_owned();
    for (id, Message { english, variables }) in messages {
        let (mut arguments, mut values) = (String::new(), String::new());
        for (name, kind) in variables {
            let (argument, value) = match kind {
                Kind::Number => ("i64", "Number"),
                Kind::Text => ("&str", "Text"),
            };
            let variable = function(name);
            _ = write!(arguments, ", {variable}: {argument}");
            _ = write!(values, "({name:?}, Value::{value}({variable})), ");
        }
        let (answer, method) = match variables.iter().any(|(_, kind)| *kind == Kind::Text) {
            true => ("Message", "message"),
            false => ("String", "text"),
        };
        _ = writeln!(
            rust,
            "    /// {}\n    pub(crate) fn {}(&self{arguments}) -> {answer} {{\n        self.{method}({id:?}, &[{values}])\n    }}\n",
            english.replace('\n', " "),
            function(id),
        );
    }
    rust + "}\n\n"
}

fn of_scripts(scripts: &BTreeMap<String, BTreeSet<String>>, model: &Messages) -> String {
    let mut rust =
        "/// The messages that each script asks for.\nconst SCRIPTS: &[(&str, &[&str])] = &[\n"
            .to_owned();
    for (name, ids) in scripts {
        let ids: Vec<_> = ids.iter().collect();
        _ = writeln!(rust, "    ({name:?}, &{ids:?}),");
    }
    rust += "];\n\n/// What each message takes, and whether it is the number that chooses its form.\n\
        const VALUES: &[(&str, &[(&str, bool)])] = &[\n";
    for (id, message) in model {
        let variables = message.variables.iter();
        let variables: Vec<_> = variables
            .map(|(name, kind)| (name, *kind == Kind::Number))
            .collect();
        _ = writeln!(rust, "    ({id:?}, &{variables:?}),");
    }
    rust + "];\n"
}
