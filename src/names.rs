//! Names of people and accounts, as other servers give them: only one that shows something is a name.

/// Names are shown and stored; longer ones are cut.
const LONGEST: usize = 200;

/// A name without control characters, cut to a length that can be displayed. None if nothing of it shows.
#[must_use]
pub fn shown(text: &str) -> Option<String> {
    // PostgreSQL cannot store a NUL, and control characters cannot be displayed.
    let name: String = text.chars().filter(|c| !c.is_control()).collect();
    let name: String = name.trim().chars().take(LONGEST).collect();
    let name = name.trim_end();
    name.contains(shows).then(|| name.to_owned())
}

/// Whether a character leaves a mark of its own on the screen.
fn shows(c: char) -> bool {
    // Blank, but letters or symbols by their category; and what stands in the place of bytes that were lost.
    const BLANK: &[char] = &[
        '\u{115f}',
        '\u{1160}',
        '\u{2800}',
        '\u{3164}',
        '\u{ffa0}',
        '\u{fffc}',
        '\u{fffd}',
        '\u{1d159}',
    ];
    match c {
        '"' | '\'' | '\\' => true,
        ' ' => false,
        // The standard library escapes what does not print by itself: controls, format characters, spaces,
        // unassigned and private ones, and marks that only change the character before them.
        _ => c.escape_debug().len() == 1 && !BLANK.contains(&c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f21_a_name_that_shows_nothing_is_none() {
        for nothing in [
            "",
            " \t\n",
            "\u{200b}",
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
            "\u{a0}\u{2003}\u{3000}",
            "\u{202e}\u{2066}\u{2069}\u{200f}",
            "\u{ad}",
            "\u{180e}\u{61c}",
            "\u{0}\u{7}\u{1b}\u{85}",
            "\u{301}\u{308}",
            " \u{301} ",
            "\u{34f}\u{fe0f}\u{e0100}",
            "\u{e0001}\u{e007f}",
            "\u{3164}\u{115f}\u{1160}\u{ffa0}",
            "\u{2800}\u{2800}",
            "\u{e000}\u{f8ff}",
            "\u{fffd}\u{fffd}",
            "\u{2028}\u{2029}",
        ] {
            assert_eq!(shown(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn f21_a_name_that_shows_something_stays() {
        for name in [
            "Robin Park",
            "R",
            "7",
            "\"",
            "'",
            "\\",
            "-",
            "名前",
            "Ёлка",
            "שלום",
            "देवनागरी",
            "한글",
            "\u{1f642}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "e\u{301}",
            "<b>",
        ] {
            assert_eq!(shown(name).as_deref(), Some(name));
        }
        assert_eq!(shown(" Rob\u{0}in \n").as_deref(), Some("Robin"));
        let long = "ab".repeat(LONGEST);
        assert_eq!(shown(&long).map(|name| name.len()), Some(LONGEST));
        let cut = format!("{}{}x", "a".repeat(LONGEST - 1), " ");
        assert_eq!(shown(&cut), Some("a".repeat(LONGEST - 1)));
    }
}
