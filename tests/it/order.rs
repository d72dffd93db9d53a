//! The order of the modules: an arrow of use points down, and nothing goes round in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the house, from the bottom to the top. A module uses its own floor and those below.
const FLOORS: &[&[&str]] = &[
    &[
        "clock", "error", "lenient", "log", "names", "process", "random", "secret", "spans",
        "words",
    ],
    &["model", "grant", "moments"],
    &[
        "events", "listen", "meters", "limits", "otlp", "outbound", "proxies", "sites", "vault",
    ],
    &["key_set", "store"],
    &["gate", "figures"],
    &["atlassian", "keys", "service", "webhooks"],
    &["parts", "settling", "publishing"],
    &[
        "administering",
        "cleanup",
        "linking",
        "lost",
        "renewal",
        "reporting",
        "vendor",
    ],
    &["worker"],
    &["config"],
    &["app"],
    &["operate", "web"],
    &["server"],
    &["lib", "main"],
];

/// Who may read the settings: what builds the parts.
const READS_SETTINGS: &[&str] = &["app", "lib", "main", "operate"];

/// Which modules each module uses.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("{module} has no floor: give it one here and in ARCHITECTURE.md"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .collect()
}

/// The first names after `crate::` in a source, its unit tests left out.
fn used(source: &str) -> BTreeSet<String> {
    let source = source
        .split_once("#[cfg(test)]\nmod tests")
        .map_or(source, |(code, _)| code);
    let code: Vec<&str> = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(first_names(group)),
            None => names.extend(name(rest)),
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &text[..end.unwrap_or(text.len())];
    // A type of the crate's root is the root.
    match name.chars().next()? {
        first if first.is_uppercase() => Some("lib".to_owned()),
        _ => Some(name.to_owned()),
    }
}

/// The first names of each path in a group whose opening brace was read.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.extend(name(group[start..at].trim()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn arrows() -> Arrows {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows = Arrows::new();
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).expect("it is in src");
        let module = inside.components().next().expect("it has a name");
        let module = Path::new(module.as_os_str()).file_stem();
        let module = module.and_then(|name| name.to_str()).expect("it is text");
        let source = fs::read_to_string(&path).expect("it can be read");
        arrows
            .entry(module.to_owned())
            .or_default()
            .extend(used(&source));
    }
    // The crate's root declares every module and gives their names on.
    let names: BTreeSet<String> = arrows.keys().cloned().collect();
    for (module, uses) in &mut arrows {
        uses.retain(|used| used != module && names.contains(used));
    }
    arrows
}

/// What is wrong with these arrows.
fn faults(arrows: &Arrows) -> Vec<String> {
    let mut faults = Vec::new();
    for (module, uses) in arrows {
        for used in uses {
            if floor(used) > floor(module) {
                faults.push(format!("{module} uses {used}, which is above it"));
            }
            if used == "config" && !READS_SETTINGS.contains(&module.as_str()) {
                faults.push(format!("{module} reads the settings"));
            }
        }
    }
    // Without arrows up, a circle stays on one floor. Modules that use nothing left are taken away in turn;
    // those of a circle remain.
    let mut left = arrows.clone();
    loop {
        let done: Vec<String> = left
            .iter()
            .filter(|(_, uses)| uses.iter().all(|used| !left.contains_key(used)))
            .map(|(module, _)| module.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        for module in done {
            left.remove(&module);
        }
    }
    if !left.is_empty() {
        let circle: Vec<&String> = left.keys().collect();
        faults.push(format!("there is a circle among {circle:?}"));
    }
    faults
}

#[test]
fn arrows_of_use_point_down_and_nothing_goes_in_a_circle() {
    let faults = faults(&arrows());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_arrow_up_and_a_circle_are_seen() {
    let with = |module: &str, line: &str| {
        let mut arrows = arrows();
        arrows
            .get_mut(module)
            .expect("there is such a module")
            .extend(used(line));
        faults(&arrows).join("\n")
    };
    assert!(with("store", "use crate::renewal::renew;").contains("store uses renewal"));
    assert!(with("model", "fn a() -> crate::vault::Vault {}").contains("model uses vault"));
    assert!(with("web", "use crate::{clock::Clock, config::{Config}};").contains("web reads"));
    assert!(with("clock", "use crate::random::Random;").is_empty());
    let circle = with("settling", "use crate::publishing::publish;");
    assert!(circle.contains("circle"), "{circle}");
    assert!(circle.contains("publishing") && circle.contains("settling"));
}
