//! The table of `scripts/mutants`: each mutation still fits the sources and names tests that exist, and
//! each row of the threat model and each invariant of renewing has one. Whether the tests notice is what
//! the script finds out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust code in a folder, as one text.
pub fn code_in(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths
        .map(|path| match path.extension() {
            _ if path.is_dir() => code_in(&path),
            Some(end) if end == "rs" => read(&path),
            _ => String::new(),
        })
        .collect()
}

/// A change of a mutation: the lines that it takes out of a file, without their indentation.
struct Change<'a> {
    file: &'a str,
    takes_out: Vec<&'a str>,
    changes: bool,
}

/// One paragraph of the table.
struct Mutation<'a> {
    name: &'a str,
    test: &'a str,
    changes: Vec<Change<'a>>,
}

impl<'a> Mutation<'a> {
    fn read(paragraph: &'a str) -> Option<Self> {
        let mut lines = paragraph.lines().filter(|line| !line.starts_with('#'));
        let (name, _) = lines.next()?.split_once(": ")?;
        let test = lines.next()?.strip_prefix("test: ")?;
        let mut changes: Vec<Change<'a>> = Vec::new();
        for line in lines {
            if let Some(file) = line.strip_prefix("in: ") {
                changes.push(Change {
                    file,
                    takes_out: Vec::new(),
                    changes: false,
                });
                continue;
            }
            let change = changes.last_mut()?;
            match line.split_at_checked(1)? {
                ("-", text) => change.takes_out.push(text.trim()),
                ("+", _) => {}
                _ => return None,
            }
            change.changes = true;
        }
        Some(Self {
            name,
            test,
            changes,
        })
    }
}

#[test]
fn every_mutation_fits_and_every_row_has_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stories = code_in(&root.join("tests/it"));
    let table = read(&root.join("tests/mutations.txt"));
    let mut names = BTreeSet::new();
    let mut rows = BTreeSet::new();
    for paragraph in table.split("\n\n").filter(|text| !text.starts_with('#')) {
        let mutation = Mutation::read(paragraph);
        let Mutation {
            name,
            test,
            changes,
        } = mutation.unwrap_or_else(|| panic!("this is no mutation:\n{paragraph}"));
        assert!(names.insert(name), "{name} is there twice");
        for test in test.split(' ') {
            assert!(
                stories.contains(&format!("fn {test}")),
                "{name}: no test begins with {test}"
            );
        }
        assert!(!changes.is_empty(), "{name} changes nothing");
        for change in changes {
            assert!(change.changes, "{name} changes nothing in {}", change.file);
            let text = read(&root.join(change.file));
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let mut places = lines.windows(change.takes_out.len());
            let found = places.by_ref().filter(|lines| *lines == change.takes_out);
            assert_eq!(
                found.count(),
                1,
                "{name} does not fit {} any more:\n{}",
                change.file,
                change.takes_out.join("\n")
            );
        }
        rows.insert(name.split('-').next().unwrap_or_default());
    }
    let threats = (1..=25).chain([28]).map(|row| format!("t{row}"));
    let invariants = (1..=19).map(|row| format!("r{row}"));
    for row in threats.chain(invariants) {
        assert!(rows.contains(row.as_str()), "{row} has no mutation");
    }
}
