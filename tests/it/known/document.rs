//! `SERVICES.md` is the table of the product, for readers. `LATCHKEY_BLESS=1` writes it anew.

use std::fmt::{Display, Write as _};
use std::path::Path;

use latchkey::clock::Seconds;
use latchkey::service::known::{
    ALL, ClientAuth, Endpoints, Ends, Fact, IdentityFrom, Known, Means, Parameter, Revocation,
    RevokedBy, Rotation, Source,
};

const INTRODUCTION: &str = "# Services

What Latchkey knows about services, as data (`src/provider/known/table.rs`). This page is made from it by the
test run: change the table, not the page, and run `LATCHKEY_BLESS=1 cargo test --test it known::document`.

With `LATCHKEY_PROVIDER` set to one of these, `LATCHKEY_PROVIDER_CLIENT_ID` and `_CLIENT_SECRET` are all that is
missing; where the table says so, `LATCHKEY_PROVIDER_ISSUER` as well. Every other `LATCHKEY_PROVIDER_…` setting
wins over what stands here. Facts carry the page that states them. **Unconfirmed** is what no page could be found
for, with what is done and why: please correct it when you know better.

Each service is played in the test run with what is special about it (`tests/it/known.rs`). None of them was
asked itself.
";

#[test]
fn services_md_is_the_table() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("SERVICES.md");
    if std::env::var("LATCHKEY_BLESS").is_ok_and(|bless| bless == "1") {
        std::fs::write(&path, &page).expect("it can be written");
    }
    let found = std::fs::read_to_string(&path).expect("there is such a page");
    let differs = page
        .lines()
        .zip(found.lines())
        .find(|(made, found)| made != found);
    assert_eq!(
        differs, None,
        "made from the table, and found in SERVICES.md"
    );
    assert_eq!(page.len(), found.len());
}

/// Every service has its part in the test run, under its own name.
#[test]
fn every_service_is_played_by_its_name() {
    let stories = include_str!("../known.rs");
    for known in ALL {
        let story = format!("async fn {}_", known.key);
        assert!(stories.contains(&story), "{} is not played", known.key);
    }
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str(
        "\n| `LATCHKEY_PROVIDER` | service | keys live | ends without use | ends at last | a used refresh token | ended early by | another account | unconfirmed |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for known in ALL {
        let cells = [
            format!("[`{0}`](#{0})", known.key),
            name(known).to_owned(),
            marked(&known.access_life, life(known.access_life.value, "it says")),
            marked(&known.grant_idle, life(known.grant_idle.value, "—")),
            marked(&known.grant_life, life(known.grant_life.value, "—")),
            marked(&known.rotation, rotation(known.rotation.value)),
            marked(&known.revocation, revocation(&known.revocation.value)),
            marked(&known.choose, choose(known)),
            known.unconfirmed().to_string(),
        ];
        row(&mut page, &cells);
    }
    page.push_str("\n\\* Unconfirmed: see the part of that service.\n");
    for known in ALL {
        part(&mut page, known);
    }
    page
}

fn row(page: &mut String, cells: &[String]) {
    writeln!(page, "| {} |", cells.join(" | ")).expect("a text grows");
}

fn name(known: &Known) -> &'static str {
    known.name.unwrap_or("any OpenID provider")
}

fn marked<T>(fact: &Fact<T>, words: impl Display) -> String {
    match fact.source {
        Source::Page(_) => words.to_string(),
        Source::Unconfirmed(_) => format!("{words}\\*"),
    }
}

fn part(page: &mut String, known: &Known) {
    write!(page, "\n## {}\n\n{}.\n\n", known.key, name(known)).expect("a text grows");
    page.push_str("| what | how | source |\n|---|---|---|\n");
    let facts = [
        ("endpoints", endpoints(known), known.endpoints.source),
        ("scopes", scopes(known), known.scopes.source),
        (
            "client",
            client_auth(known.client_auth.value).to_owned(),
            known.client_auth.source,
        ),
        (
            "PKCE",
            match known.pkce.value {
                true => "S256 is sent",
                false => "is not sent",
            }
            .to_owned(),
            known.pkce.source,
        ),
        (
            "authorization request",
            parameters(known.authorize.value),
            known.authorize.source,
        ),
        ("another account", choose(known), known.choose.source),
        ("refresh", refresh(known), known.refresh.source),
        ("answers", answers(known), known.answers.source),
        ("identity", identity(known), known.identity.source),
        (
            "keys live",
            life(known.access_life.value, "as its answers say"),
            known.access_life.source,
        ),
        (
            "a grant ends without use after",
            life(known.grant_idle.value, "—"),
            known.grant_idle.source,
        ),
        (
            "a grant ends at last after",
            life(known.grant_life.value, "—"),
            known.grant_life.source,
        ),
        (
            "a used refresh token",
            rotation(known.rotation.value),
            known.rotation.source,
        ),
        (
            "a refresh ends the key before",
            yes(known.refresh_ends_access.value).to_owned(),
            known.refresh_ends_access.source,
        ),
        (
            "revocation",
            revocation_at_length(&known.revocation.value),
            known.revocation.source,
        ),
        (
            "revoking a key ends",
            ends(known.revoking_access_ends.value).to_owned(),
            known.revoking_access_ends.source,
        ),
    ];
    for (what, how, source) in facts {
        row(page, &[what.to_owned(), how, said_by(source)]);
    }
    for failing in known.errors {
        let cells = [
            format!("error `{}`", failing.name),
            means(failing.means).to_owned(),
            said_by(failing.source),
        ];
        row(page, &cells);
    }
    if !known.notes.is_empty() {
        page.push('\n');
    }
    for note in known.notes {
        writeln!(page, "- {note}").expect("a text grows");
    }
}

fn said_by(source: Source) -> String {
    match source {
        Source::Page(page) => {
            let host = page.trim_start_matches("https://");
            let host = host.split('/').next().unwrap_or(host);
            format!("[{host}]({page})")
        }
        Source::Unconfirmed(why) => format!("**unconfirmed**: {why}"),
    }
}

fn yes(value: bool) -> &'static str {
    match value {
        true => "yes, at once",
        false => "no",
    }
}

fn life(seconds: Option<Seconds>, otherwise: &str) -> String {
    match seconds {
        None => otherwise.to_owned(),
        Some(seconds) if seconds > 86_400 && seconds % 86_400 == 0 => {
            format!("{} days", seconds / 86_400)
        }
        // Some leave a second out.
        Some(seconds) if (seconds + 1) % 3600 <= 1 => format!("{} h", (seconds + 1) / 3600),
        Some(seconds) => format!("{} min", seconds / 60),
    }
}

fn endpoints(known: &Known) -> String {
    match known.endpoints.value {
        Endpoints::Discovery {
            issuer: None,
            example,
        } => format!("discovery at `LATCHKEY_PROVIDER_ISSUER`, like `{example}`"),
        Endpoints::Discovery {
            issuer: Some(issuer),
            ..
        } => format!("discovery at `{issuer}`"),
        Endpoints::Fixed {
            authorize,
            token,
            identity,
            revoke,
        } => {
            let revoke = revoke.map_or_else(String::new, |url| format!(", `{url}`"));
            format!("`{authorize}`, `{token}`, `{identity}`{revoke}")
        }
    }
}

fn scopes(known: &Known) -> String {
    let how = known.scopes.value;
    let separator = match how.separator {
        " " => "spaces",
        _ => "commas",
    };
    match how.default {
        "" => "none are sent".to_owned(),
        scopes => format!("`{}={scopes}`, with {separator}", how.parameter),
    }
}

fn client_auth(how: Option<ClientAuth>) -> &'static str {
    match how {
        None => "as the metadata says, or basic",
        Some(ClientAuth::Basic) => "basic",
        Some(ClientAuth::Body) => "in the form",
        Some(ClientAuth::BasicJson) => "basic, and the request is JSON",
    }
}

fn parameters(parameters: &[Parameter]) -> String {
    let words: Vec<String> = parameters
        .iter()
        .map(|parameter| {
            let with = parameter
                .with_scope
                .map_or_else(String::new, |scope| format!(" with the scope `{scope}`"));
            format!("`{}={}`{with}", parameter.name, parameter.value)
        })
        .collect();
    match words.is_empty() {
        true => "as usual".to_owned(),
        false => words.join(", "),
    }
}

fn choose(known: &Known) -> String {
    match known.choose.value {
        Some((name, value)) => format!("`{name}={value}`"),
        None if matches!(known.endpoints.value, Endpoints::Discovery { .. }) => {
            "as its metadata says".to_owned()
        }
        None => "log out there".to_owned(),
    }
}

fn refresh(known: &Known) -> String {
    let how = known.refresh.value;
    match (how.path, how.redirect_uri) {
        (Some(path), _) => format!("at `{path}` beside the token endpoint"),
        (None, true) => "with the redirect address".to_owned(),
        (None, false) => "as usual".to_owned(),
    }
}

fn answers(known: &Known) -> String {
    let how = known.answers.value;
    let mut words = Vec::new();
    if let Some(name) = how.nested {
        words.push(format!("tokens stand in `{name}`"));
    }
    if how.refuses_with_200 {
        words.push("refusals have status 200".to_owned());
    }
    if how.error_in != ["error"] {
        words.push(format!("errors stand in `{}`", how.error_in.join("` or `")));
    }
    match words.is_empty() {
        true => "as usual".to_owned(),
        false => words.join(", "),
    }
}

fn identity(known: &Known) -> String {
    match known.identity.value {
        IdentityFrom::Standard => "ID token, or userinfo".to_owned(),
        IdentityFrom::Api {
            post,
            subject,
            names,
        } => {
            let method = match post {
                None => "GET".to_owned(),
                Some("") => "POST".to_owned(),
                Some(body) => format!("POST of `{body}`"),
            };
            let headers: Vec<String> = known
                .headers
                .iter()
                .map(|(name, value)| format!(" with `{name}: {value}`"))
                .collect();
            format!(
                "{method}{}: id `{}`, name `{}`",
                headers.join(""),
                subject.join(":"),
                names.join("` or `")
            )
        }
    }
}

fn rotation(rotation: Rotation) -> String {
    match rotation {
        Rotation::None => "stays".to_owned(),
        Rotation::OldStays => "works on beside the new one".to_owned(),
        Rotation::Strict => "ends at once".to_owned(),
        Rotation::Grace(Some(seconds)) => format!("ends after {seconds} s"),
        Rotation::Grace(None) => "ends after a short time".to_owned(),
        Rotation::UntilFirstUse => "ends with the first use of the next".to_owned(),
        Rotation::AsConfigured => "as its operator has set it".to_owned(),
    }
}

fn revocation(revocation: &Revocation) -> String {
    match revocation.by {
        RevokedBy::Nothing => "nothing",
        RevokedBy::Standard => "RFC 7009",
        RevokedBy::RefreshTokensOnly => "RFC 7009, refresh tokens alone",
        RevokedBy::Bearer => "POST with the token",
        RevokedBy::NamedField => "POST of the token",
        RevokedBy::ByApp => "DELETE by the app",
    }
    .to_owned()
}

fn revocation_at_length(how: &Revocation) -> String {
    let mut words = revocation(how);
    if !how.gone.is_empty() {
        write!(words, "; gone is `{}`", how.gone.join("`, `")).expect("a text grows");
    }
    for status in how.gone_status {
        write!(words, "; gone is {status}").expect("a text grows");
    }
    words
}

fn ends(ends: Ends) -> &'static str {
    match ends {
        Ends::Itself => "it alone",
        Ends::Grant => "its grant",
        Ends::Account => {
            "all that the account gave: keys are left to run out, and refresh tokens are revoked when nobody uses the account"
        }
    }
}

fn means(means: Means) -> &'static str {
    match means {
        Means::GrantEnded => "the person is asked to reconnect",
        Means::AppRefused => "the operator is told, and nothing is renewed until then",
        Means::Refused => "tried again, and nobody is asked for anything",
        Means::Trouble => "the service is in trouble: tried again with the same token",
    }
}
