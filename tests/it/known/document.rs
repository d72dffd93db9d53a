//! `docs/services.md` shows the table of the product to readers. `LATCHKEY_BLESS=1` rewrites it.

use std::fmt::{Display, Write as _};
use std::path::Path;

use latchkey::clock::Seconds;
use latchkey::service::known::{
    ALL, ClientAuth, Endpoints, Ends, Evidence, Fact, IdentityFrom, Known, Means, Parameter,
    RevokedBy, Revoking, TokenRotation,
};

const INTRODUCTION: &str = "# Services that Latchkey knows

For operators: what Latchkey knows about each service, and who says so. A test makes this page from the table in
the source; to correct a fact, change the table and run `LATCHKEY_BLESS=1 cargo test --test it known::document`.

Set `LATCHKEY_PROVIDER` to one of the names below. `LATCHKEY_PROVIDER_CLIENT_ID` and `_CLIENT_SECRET` are then
the only settings of the service that are required, and `LATCHKEY_PROVIDER_ISSUER` where the table says so.
Every other `LATCHKEY_PROVIDER_…` setting overrides what the table says.

Each fact links to the page that states it. A fact marked **unconfirmed** has no such page; the table says what
Latchkey does instead and why. Please report what you know better.

The tests simulate each service with its peculiarities (`tests/it/known.rs`). No test has called the services
themselves.
";

#[test]
fn the_page_of_services_is_the_table() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/services.md");
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
        "made from the table, and found in docs/services.md"
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
        "\n| `LATCHKEY_PROVIDER` | service | lifetime of a key | an unused grant expires after | a grant expires in any case after | a refresh token that was used | revocation | choosing another account | unconfirmed facts |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for known in ALL {
        let cells = [
            format!("[`{0}`](#{0})", known.key),
            name(known).to_owned(),
            marked(
                &known.access_life,
                life(known.access_life.value, "as the answer says"),
            ),
            marked(&known.grant_idle, life(known.grant_idle.value, "—")),
            marked(&known.grant_life, life(known.grant_life.value, "—")),
            marked(&known.rotation, rotation(known.rotation.value)),
            marked(&known.revocation, revocation(&known.revocation.value)),
            marked(&known.choose, choose(known)),
            known.unconfirmed().to_string(),
        ];
        row(&mut page, &cells);
    }
    page.push_str("\n\\* Unconfirmed: see the section on that service.\n");
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
        Evidence::Page(_) => words.to_string(),
        Evidence::Unconfirmed(_) => format!("{words}\\*"),
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
                false => "S256 is not sent",
            }
            .to_owned(),
            known.pkce.source,
        ),
        (
            "authorization request",
            parameters(known.authorize.value),
            known.authorize.source,
        ),
        (
            "choosing another account",
            choose(known),
            known.choose.source,
        ),
        ("refresh", refresh(known), known.refresh.source),
        ("answers", answers(known), known.answers.source),
        ("identity", identity(known), known.identity.source),
        (
            "lifetime of a key",
            life(known.access_life.value, "as the answer says"),
            known.access_life.source,
        ),
        (
            "an unused grant expires after",
            life(known.grant_idle.value, "—"),
            known.grant_idle.source,
        ),
        (
            "a grant expires in any case after",
            life(known.grant_life.value, "—"),
            known.grant_life.source,
        ),
        (
            "a refresh token that was used",
            rotation(known.rotation.value),
            known.rotation.source,
        ),
        (
            "a refresh ends the previous key",
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

fn said_by(source: Evidence) -> String {
    match source {
        Evidence::Page(page) => {
            let host = page.trim_start_matches("https://");
            let host = host.split('/').next().unwrap_or(host);
            format!("[{host}]({page})")
        }
        Evidence::Unconfirmed(why) => format!("**unconfirmed**: {why}"),
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
        None => "as the metadata says, or else basic",
        Some(ClientAuth::Basic) => "basic",
        Some(ClientAuth::Body) => "in the form body",
        Some(ClientAuth::BasicJson) => "basic, and the request is JSON",
        Some(ClientAuth::PrivateKeyJwt) => "an assertion that a key signs",
        Some(ClientAuth::Tls) => "a certificate",
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
        true => "as the standard says".to_owned(),
        false => words.join(", "),
    }
}

fn choose(known: &Known) -> String {
    match known.choose.value {
        Some((name, value)) => format!("`{name}={value}`"),
        None if matches!(known.endpoints.value, Endpoints::Discovery { .. }) => {
            "as its metadata says".to_owned()
        }
        None => "log out at the service".to_owned(),
    }
}

fn refresh(known: &Known) -> String {
    let how = known.refresh.value;
    match (how.path, how.redirect_uri) {
        (Some(path), _) => format!("at `{path}` beside the token endpoint"),
        (None, true) => "with the redirect address".to_owned(),
        (None, false) => "as the standard says".to_owned(),
    }
}

fn answers(known: &Known) -> String {
    let how = known.answers.value;
    let mut words = Vec::new();
    if let Some(name) = how.nested {
        words.push(format!("tokens are in `{name}`"));
    }
    if how.refuses_with_200 {
        words.push("refusals have status 200".to_owned());
    }
    if how.error_in != ["error"] {
        words.push(format!("errors are in `{}`", how.error_in.join("` or `")));
    }
    match words.is_empty() {
        true => "as the standard says".to_owned(),
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

fn rotation(rotation: TokenRotation) -> String {
    match rotation {
        TokenRotation::None => "stays valid".to_owned(),
        TokenRotation::OldStays => "stays valid beside the new one".to_owned(),
        TokenRotation::Strict => "ends at once".to_owned(),
        TokenRotation::Grace(Some(seconds)) => format!("ends after {seconds} s"),
        TokenRotation::Grace(None) => "ends after a short time".to_owned(),
        TokenRotation::UntilFirstUse => "ends when the next one is first used".to_owned(),
        TokenRotation::AsConfigured => "as its operator configures it".to_owned(),
    }
}

fn revocation(revocation: &Revoking) -> String {
    match revocation.by {
        RevokedBy::Nothing => "not possible",
        RevokedBy::Standard => "RFC 7009",
        RevokedBy::RefreshTokensOnly => "RFC 7009, refresh tokens only",
        RevokedBy::Bearer => "POST with the token as bearer",
        RevokedBy::NamedField => "POST with the token in the form",
        RevokedBy::ByApp => "DELETE by the app",
    }
    .to_owned()
}

fn revocation_at_length(how: &Revoking) -> String {
    let mut words = revocation(how);
    if !how.gone.is_empty() {
        write!(
            words,
            "; `{}` means that the token is gone",
            how.gone.join("`, `")
        )
        .expect("a text grows");
    }
    for status in how.gone_status {
        write!(words, "; {status} means that the token is gone").expect("a text grows");
    }
    words
}

fn ends(ends: Ends) -> &'static str {
    match ends {
        Ends::Itself => "that key only",
        Ends::Grant => "its grant",
        Ends::Account => {
            "every grant of the account: Latchkey lets keys expire, and revokes refresh tokens once nobody uses the account"
        }
    }
}

fn means(means: Means) -> &'static str {
    match means {
        Means::GrantEnded => "Latchkey asks the person to reconnect",
        Means::AppRefused => {
            "Latchkey tells the operator and renews nothing until the client is accepted again"
        }
        Means::Refused => "Latchkey tries again and asks nobody to reconnect",
        Means::Trouble => "the service is failing: Latchkey tries again with the same token",
    }
}
