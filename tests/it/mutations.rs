//! The patches of `scripts/mutants`: each still fits the sources and names tests that there are, and each
//! row of the threat model and each invariant of renewing has one. Whether the tests notice is for the
//! script to see.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each file's name without its end, and its text.
fn files(folder: &Path, end: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|found| found == end))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            (name.into_owned(), read(&path))
        })
        .collect();
    files.sort();
    files
}

/// What a patch wants to find in a file, piece by piece.
fn pieces(patch: &str) -> Vec<(&str, String)> {
    let mut pieces: Vec<(&str, String)> = Vec::new();
    let mut file = "";
    for line in patch.lines() {
        if let Some(name) = line.strip_prefix("--- a/") {
            file = name;
        } else if line.starts_with("@@") {
            pieces.push((file, String::new()));
        } else if let Some((_, piece)) = pieces.last_mut()
            && let Some(text) = line.strip_prefix(['-', ' '])
        {
            piece.push_str(text);
            piece.push('\n');
        }
    }
    pieces
}

#[test]
fn every_mutation_fits_and_every_row_has_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stories: String = files(&root.join("tests/it"), "rs")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let mut rows = BTreeSet::new();
    for (name, patch) in files(&root.join("tests/mutations"), "patch") {
        let tests = patch
            .lines()
            .find_map(|line| line.strip_prefix("# test: "))
            .unwrap_or_else(|| panic!("{name} names no test"));
        assert!(
            stories.contains(&format!("fn {tests}")),
            "{name}: no test begins with {tests}"
        );
        let pieces = pieces(&patch);
        assert!(!pieces.is_empty(), "{name} changes nothing");
        for (file, piece) in pieces {
            let found = read(&root.join(file)).matches(&piece).count();
            assert_eq!(found, 1, "{name} does not fit {file} any more:\n{piece}");
        }
        rows.insert(name.split('-').next().unwrap_or_default().to_owned());
    }
    let threats = (1..=25).map(|row| format!("t{row}"));
    let invariants = (1..=19).map(|row| format!("r{row}"));
    for row in threats.chain(invariants) {
        assert!(rows.contains(&row), "{row} has no mutation");
    }
}
