//! The query string hash a second time, from the words of Atlassian's rules and without the crates that
//! the product uses for it; and any number of requests to compare the two with.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

/// The text that is hashed.
pub fn canonical(method: &str, base_path: &str, path: &str, query: Option<&str>) -> String {
    let mut text = String::new();
    // First the method, in upper case.
    for c in method.chars() {
        text.push(c.to_ascii_uppercase());
    }
    text.push('&');
    path_of(&mut text, base_path, path);
    // Without parameters the `&` stays.
    text.push('&');
    query_of(&mut text, query.unwrap_or(""));
    text
}

/// Its SHA-256 in lower-case hex.
pub fn qsh(method: &str, base_path: &str, path: &str, query: Option<&str>) -> String {
    let text = canonical(method, base_path, path, query);
    let mut hash = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        write!(hash, "{byte:02x}").expect("a string takes it");
    }
    hash
}

/// The base path is taken off on a segment boundary; empty becomes `/`; a leading `/` is added; one
/// trailing `/` is dropped; `&` becomes `%26`.
fn path_of(text: &mut String, base_path: &str, path: &str) {
    let (base, whole) = (base_path.as_bytes(), path.as_bytes());
    let at_boundary = whole.len() == base.len() || whole.get(base.len()) == Some(&b'/');
    let path = if whole.starts_with(base) && at_boundary {
        &path[base.len()..]
    } else {
        path
    };
    let start = text.len();
    if !path.starts_with('/') {
        text.push('/');
    }
    for c in path.chars() {
        match c {
            '&' => text.push_str("%26"),
            c => text.push(c),
        }
    }
    if text.len() - start > 1 && text.ends_with('/') {
        text.pop();
    }
}

/// The query: form-decoded; `jwt` dropped; sorted by encoded name; the values of one name sorted decoded, each
/// encoded, joined by a comma.
fn query_of(text: &mut String, query: &str) {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decoded(name);
        if name != "jwt" {
            parameters.push((encoded(&name), decoded(value)));
        }
    }
    parameters.sort();
    let mut last: Option<&str> = None;
    for (name, value) in &parameters {
        if last == Some(name.as_str()) {
            text.push(',');
        } else {
            if last.is_some() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
        }
        text.push_str(&encoded(value));
        last = Some(name);
    }
}

fn decoded(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (byte, hex(bytes.get(at)), hex(bytes.get(at + 1))) {
            (b'+', ..) => out.push(b' '),
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("a string takes it"),
        }
    }
    out
}

/// One request of the many.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub base_path: String,
    pub path: String,
    pub query: Option<String>,
}

impl Request {
    /// Whether both readings of the rules agree about it.
    pub fn agrees(&self) -> bool {
        use latchkey::atlassian::connect::qsh;
        let Self {
            method,
            base_path,
            path,
            query,
        } = self;
        let query = query.as_deref();
        canonical(method, base_path, path, query) == qsh::canonical(method, base_path, path, query)
            && self::qsh(method, base_path, path, query) == qsh::qsh(method, base_path, path, query)
    }

    /// The request of this number: always the same one.
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice(seed);
        const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "get", "Patch", "x-y", ""];
        const BASES: [&str; 6] = ["", "", "/ctx", "/a/b", "/c%20x", "/c&x"];
        let method = dice.one_of(&METHODS).to_owned();
        let base_path = dice.one_of(&BASES).to_owned();
        let mut path = String::new();
        match dice.below(8) {
            // On the boundary, off it, without it, and the base alone.
            0..3 => path.push_str(&base_path),
            3 => {
                path.push_str(&base_path);
                path.push_str("foo");
            }
            4 => path.push_str("/ctx"),
            _ => {}
        }
        for _ in 0..dice.below(5) {
            path.push('/');
            dice.text(&mut path, 6);
        }
        if dice.below(3) == 0 {
            path.push('/');
        }
        let query = (dice.below(6) != 0).then(|| {
            let mut query = String::new();
            for _ in 0..dice.below(9) {
                dice.parameter(&mut query);
                // Sometimes twice, sometimes not at all.
                for _ in 0..dice.one_of(&[1, 1, 1, 1, 1, 2, 0]) {
                    query.push('&');
                }
            }
            query
        });
        Self {
            method,
            base_path,
            path,
            query,
        }
    }
}

/// SplitMix64: quick, and the same numbers for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> usize {
        (self.next() % limit) as usize
    }

    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len() as u64);
        items[at]
    }

    /// A name, a value, or what is left of them.
    pub fn parameter(&mut self, query: &mut String) {
        // Few names, so that many stand there twice; and `jwt` as it may be spelled.
        const NAMES: [&str; 16] = [
            "a", "b", "a-b", "a.b", "A", "a%20b", "a+b", "jwt", "JWT", "%6Awt", "j%77t", "jwt2",
            "jwt+", "xdm_e", "", "%00",
        ];
        if self.below(4) == 0 {
            self.text(query, 6);
        } else {
            query.push_str(self.one_of(&NAMES));
        }
        match self.below(8) {
            0 => {}
            1 => query.push('='),
            2 => {
                query.push_str("==");
                self.text(query, 3);
            }
            _ => {
                query.push('=');
                let longest = if self.below(500) == 0 { 5000 } else { 9 };
                self.text(query, longest);
            }
        }
    }

    /// Up to so many pieces of whatever a text may be made of.
    pub fn text(&mut self, text: &mut String, most: u64) {
        const PIECES: [&str; 40] = [
            "a",
            "b",
            "Z",
            "0",
            "9",
            "-",
            ".",
            "_",
            "~",
            "+",
            "*",
            ",",
            ":",
            "=",
            "!",
            "'",
            "(",
            "@",
            ";",
            "$",
            "%20",
            "%2A",
            "%2a",
            "%2C",
            "%2F",
            "%26",
            "%25",
            "%7E",
            "%00",
            "%C3%A4",
            "%E4",
            "%FF%FE",
            "%F0%9F%98%80",
            "%",
            "%%",
            "%4",
            "%zz",
            "%u0041",
            "ä",
            "😀",
        ];
        for _ in 0..self.below(most + 1) {
            text.push_str(self.one_of(&PIECES));
        }
    }
}

/// Method, base path, path and query, a line each.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(4, '\n').map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let request = Request {
        method: next(),
        // As the settings have it: no slash at its end.
        base_path: next().trim_end_matches('/').to_owned(),
        path: next(),
        query: lines.next(),
    };
    assert!(request.agrees(), "{request:?}");
}
