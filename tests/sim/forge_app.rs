//! The pages of the Forge app, put together without Node: for the demo, which needs nothing but Rust.
//!
//! `forge/build.mjs` makes the real ones. Markup and words are the same here, by the same `pages.json`; the scripts
//! come as they are, and instead of `bridge.js` they find the stand-in `forge_bridge.js`.

use std::collections::BTreeMap;
use std::path::Path;

use latchkey::words::{Language, Words};
use serde_json::Value;

/// What the pages are told about the app they belong to.
pub struct Naming<'a> {
    pub app_name: &'a str,
    pub base_url: &'a str,
}

/// Every file of the pages, by its path: `issue/index.html` and so on.
pub fn pages(naming: &Naming<'_>) -> BTreeMap<String, Vec<u8>> {
    let known: Value =
        serde_json::from_str(&read("forge/src/pages.json")).expect("pages.json is JSON");
    let pages = known["pages"].as_object().expect("it lists the pages");
    let mut files = BTreeMap::new();
    for (name, page) in pages {
        let markup = render(name, page, &known["values"], naming);
        files.insert(format!("{name}/index.html"), markup.into_bytes());
        files.insert(format!("{name}/page.js"), script(name).into_bytes());
        for file in ["latchkey.css", "icon.svg"] {
            let content = read(&format!("static/{file}"));
            files.insert(format!("{name}/{file}"), content.into_bytes());
        }
    }
    files
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("pages.json holds texts there")
}

/// Stands for the name of the service until a text is escaped.
const SERVICE: &str = "\u{F8FF}";

/// A page in English, with the same in each other language in a template element.
fn render(name: &str, page: &Value, values: &Value, naming: &Naming<'_>) -> String {
    let mut source = read(text(&page["template"]));
    for change in page["changes"].as_array().expect("a list") {
        let find = text(&change["find"]);
        let times = u64::try_from(source.matches(find).count()).expect("it is small");
        assert_eq!(Some(times), change["times"].as_u64(), "{find}");
        source = source.replace(find, text(&change["put"]));
    }
    let content = block_of(&source, "content");
    let (before, inner) = content.split_once("<main ").expect("a page has a main");
    let (opening, inner) = inner.split_once('>').expect("it has an end");
    let (inner, after) = inner.split_once("</main>").expect("it has an end");
    let block = |name: &str| match name {
        "title" => "{{ app_name }}".to_owned(),
        "scripts" => r#"<script defer src="page.js"></script>"#.to_owned(),
        "content" => format!(
            "{before}<main {opening} data-app=\"{{{{ app_name }}}}\" hidden>{inner}</main>{after}"
        ),
        "words" | "theme" => String::new(),
        name => block_of(&source, name).to_owned(),
    };
    let base = read("templates/base.html");
    let whole = each(&base, "{% block ", "{% endblock %}", |found| {
        block(found.split_once(" %}").expect("a block has a name").0)
    });
    let whole = fill(&whole, Language::En, values, naming);
    let imported = imported(name);
    let scripts: Vec<&str> = imported
        .iter()
        .filter_map(|file| file.rsplit('/').next())
        .collect();
    let templates: String = Language::ALL
        .iter()
        .map(|&language| {
            let (tag, direction) = (language.tag(), language.direction());
            let words = Words::new(language, "{service}", "{app}").for_scripts(&scripts);
            let content = match language {
                Language::En => String::new(),
                language => fill(inner, language, values, naming),
            };
            format!(
                "<template lang=\"{tag}\" dir=\"{direction}\"><script type=\"application/json\" id=\"words\">{words}</script>{content}</template>\n"
            )
        })
        .collect();
    let whole = whole.replace("</body>", &format!("{templates}</body>"));
    // Without the indentation.
    let lines = whole.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// The part of Askama's language that these templates use, in one language.
fn fill(source: &str, language: Language, values: &Value, naming: &Naming<'_>) -> String {
    let words = Words::new(language, SERVICE, naming.app_name);
    let whole = each(source, "{% include \"", "\" %}", |file| {
        read(&format!("templates/{file}")).trim_end().to_owned()
    });
    let whole = each(&whole, "{#", "#}\n", |_| String::new());
    each(&whole, "{{ ", " }}", |name| match name {
        "words.language().tag()" => language.tag().to_owned(),
        "words.language().direction()" => language.direction().to_owned(),
        name => match name.strip_prefix("words.") {
            Some(call) => {
                let (function, _) = call.split_once('(').expect("it is a call");
                let id = function.replace('_', "-");
                let message = words.by_id(&id);
                let message = message.unwrap_or_else(|| panic!("there is no message {id}"));
                message
                    .to_string()
                    .replace(SERVICE, text(&values["service"]))
            }
            None => match text(&values[name]) {
                "{{ app_name }}" => escaped(naming.app_name),
                "{{ base_url }}" => escaped(naming.base_url),
                value => value.to_owned(),
            },
        },
    })
}

fn block_of<'a>(source: &'a str, name: &str) -> &'a str {
    let begin = format!("{{% block {name} %}}");
    let after = source.split_once(&begin).map_or("", |(_, after)| after);
    after
        .split_once("{% endblock %}")
        .map_or("", |(block, _)| block)
}

/// Puts something else in the place of everything between `begin` and `end`, both included.
fn each(text: &str, begin: &str, end: &str, put: impl Fn(&str) -> String) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        let (found, after) = after.split_once(end).expect("what begins ends");
        made.push_str(before);
        made.push_str(&put(found));
        rest = after;
    }
    made.push_str(rest);
    made
}

/// As forge/fill escapes what it puts into a page.
fn escaped(text: &str) -> String {
    let mut made = String::new();
    for letter in text.chars() {
        match letter {
            '&' | '<' | '>' | '"' | '\'' => made.push_str(&format!("&#{};", u32::from(letter))),
            letter => made.push(letter),
        }
    }
    made
}

/// The script of a page: it chooses the language, and then runs the page's own scripts.
fn script(page: &str) -> String {
    let bridge = include_str!("forge_bridge.js");
    let own: String = imported(page)
        .iter()
        // Each keeps its names to itself, as a module does.
        .map(|file| format!("{{\n\"use strict\";\n{}}}\n", read(file)))
        .collect();
    let language = read("forge/src/language.js");
    format!("{{\n{bridge}function page() {{\n{own}}}\n{language}}}\n")
}

/// The scripts of a page, in the order in which they run.
fn imported(page: &str) -> Vec<String> {
    read(&format!("forge/src/{page}.js"))
        .lines()
        .map(|line| {
            let file = line.strip_prefix("import \"");
            let file = file.and_then(|rest| rest.strip_suffix("\";"));
            let file = file.unwrap_or_else(|| panic!("{page}.js only imports: {line}"));
            match file.strip_prefix("../../") {
                Some(file) => file.to_owned(),
                None => format!("forge/src/{}", file.trim_start_matches("./")),
            }
        })
        .collect()
}
