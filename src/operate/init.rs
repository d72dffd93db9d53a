//! `latchkey init`: asks what a first start needs, or takes it from flags, and writes the files for it.
//!
//! What was given is checked as a start checks it, and the service is asked for its metadata, before anything is
//! written. No file that is there is overwritten, unless that is asked for.

mod files;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use console::Term;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::app::Outside;
use crate::atlassian::connect::Switch;
use crate::config::{Config, Settings, line_of};
use crate::random::Random;
use crate::secret::Secret;
use crate::service::known::{Endpoints, Known};
use crate::service::provider::Provider;
use crate::store::Database;

use files::{Content, SECRETS, Written};

/// What `init` can be told besides the settings themselves.
#[derive(Args, Clone)]
pub struct Init {
    /// The issuer of the service, like --provider-issuer
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The client id that the service gave this app, like --provider-client-id
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// File that holds the client secret, like --provider-client-secret-file
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<String>,
    /// By which door Jira sites come
    #[arg(long, value_name = "DOOR")]
    door: Option<Door>,
    /// Folder to write into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub out: PathBuf,
    /// What else to write, comma separated
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    with: Vec<Extra>,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Overwrite files that are there. Settings in them stay unless others are given
    #[arg(long)]
    pub force: bool,
}

/// By which door Jira sites come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Door {
    /// Sites that have the Connect app. There are no new ones.
    Connect,
    /// Sites that install the Forge app.
    Forge,
    /// Sites that move from Connect to Forge.
    Both,
}

/// What is written besides the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Extra {
    /// The unit of systemd; secrets are then files of their own.
    Systemd,
    /// The configuration of Caddy.
    Caddy,
    /// The configuration of nginx.
    Nginx,
    /// The file of Docker Compose; secrets are then files of their own.
    Compose,
    /// The manifest of the Forge app.
    ForgeManifest,
}

/// What the door question says: Connect is about to close.
const DOORS: &str = "Atlassian accepts no new installations of Connect apps and supports Connect until 31 January 2027. \
    Choose `forge`, or `both` if Jira sites have your Connect app.";

/// The settings as they are written, by the names of their variables.
type Texts = BTreeMap<String, Zeroizing<String>>;

/// What a run of `init` left behind.
pub struct Done {
    /// The file of settings.
    pub env_file: PathBuf,
    /// Whether a server with these settings would run here, so that they can be tried out.
    pub is_for_here: bool,
}

/// Asks on a terminal. Without one there are no answers.
struct Questions(Option<Term>);

impl Questions {
    fn new(init: &Init) -> Self {
        let term = Term::stdout();
        let asks = !init.yes && term.is_term() && io::IsTerminal::is_terminal(&io::stdin());
        Self(asks.then_some(term))
    }

    /// The answer, or the default if that is empty. None without a terminal or without either.
    fn ask(&self, question: &str, default: Option<&str>) -> Result<Option<String>, String> {
        let Some(term) = &self.0 else {
            return Ok(default.map(str::to_owned));
        };
        let shown = default.map_or_else(String::new, |default| format!(" [{default}]"));
        let answer = term
            .write_str(&format!("{question}{shown}: "))
            .and_then(|()| term.read_line());
        let answer = answer.map_err(|error| format!("the terminal cannot be read: {error}"))?;
        Ok(match answer.trim() {
            "" => default.map(str::to_owned),
            answer => Some(answer.to_owned()),
        })
    }

    /// The same for a secret, which is not shown.
    fn ask_secret(&self, question: &str) -> Result<Option<Zeroizing<String>>, String> {
        let Some(term) = &self.0 else {
            return Ok(None);
        };
        let answer = term
            .write_str(&format!("{question} (not shown): "))
            .and_then(|()| term.read_secure_line());
        let answer = answer.map_err(|error| format!("the terminal cannot be read: {error}"))?;
        let answer = Zeroizing::new(answer);
        Ok((!answer.trim().is_empty()).then_some(answer))
    }
}

/// The settings that are being put together.
struct Draft {
    init: Init,
    questions: Questions,
    texts: Texts,
}

impl Draft {
    fn has(&self, name: &str) -> bool {
        self.texts.contains_key(name)
    }

    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", |text| text.as_str())
    }

    fn set(&mut self, name: &str, text: &str) {
        self.texts
            .insert(name.to_owned(), Zeroizing::new(text.to_owned()));
    }

    /// Asks for a setting until it is well-formed, unless it was given.
    fn ask(&mut self, name: &str, question: &str, default: Option<&str>) -> Result<(), String> {
        while !self.has(name) {
            let Some(answer) = self.questions.ask(question, default)? else {
                return Ok(());
            };
            self.set(name, &answer);
            self.check(name);
        }
        Ok(())
    }

    /// Takes an answer back that is malformed, and says why, where somebody can answer again.
    fn check(&mut self, name: &str) {
        let Some(term) = &self.questions.0 else {
            return;
        };
        let Err(wrong) = self.config() else {
            return;
        };
        let Some(why) = wrong.each().find(|one| one.setting == name) else {
            return;
        };
        // The terminal is there, as it was for the question.
        let _ = term.write_line(&why.to_string());
        self.texts.remove(name);
    }

    fn config(&self) -> Result<Config, crate::config::Wrong> {
        let texts = self.texts.iter();
        let texts = texts.filter(|(name, _)| !name.ends_with("_FILE"));
        Config::from_pairs(texts.map(|(name, text)| (name.as_str(), text.as_str())))
    }

    fn wants(&self, extra: Extra) -> bool {
        self.init.with.contains(&extra)
    }

    /// Whether secrets are files of their own: a unit and a container are given those only that they need.
    fn keeps_secrets_apart(&self) -> bool {
        self.wants(Extra::Systemd) || self.wants(Extra::Compose)
    }

    /// Asks for all that is missing.
    fn complete(mut self, out: &Path, random: &Random) -> Result<(Self, Config), String> {
        for (name, given) in [
            ("LATCHKEY_PROVIDER_ISSUER", self.init.issuer.clone()),
            ("LATCHKEY_PROVIDER_CLIENT_ID", self.init.client_id.clone()),
        ] {
            if let Some(text) = given {
                self.set(name, &text);
            }
        }
        if let Some(path) = &self.init.client_secret_file {
            let secret = std::fs::read_to_string(path).map(Zeroizing::new);
            let secret =
                secret.map_err(|error| format!("{path} (--client-secret-file): {error}"))?;
            self.set("LATCHKEY_PROVIDER_CLIENT_SECRET", secret.trim());
        }
        let question = "The public https address of Latchkey, at which browsers reach it";
        self.ask("LATCHKEY_BASE_URL", question, None)?;
        self.the_service()?;
        let has_door = self.the_door()?;
        self.the_database(out, random)?;
        self.the_rest(random);
        match (self.config(), has_door) {
            (Ok(config), true) => Ok((self, config)),
            (wrong, has_door) => {
                let mut lines: Vec<String> = Vec::new();
                lines.extend(wrong.err().map(|wrong| wrong.to_string()));
                if !has_door {
                    lines.push(format!("--door is missing. {DOORS}"));
                }
                Err(lines.join("\n"))
            }
        }
    }

    fn the_service(&mut self) -> Result<(), String> {
        let is_told = [
            "LATCHKEY_PROVIDER",
            "LATCHKEY_PROVIDER_ISSUER",
            "LATCHKEY_PROVIDER_TOKEN_URL",
        ]
        .iter()
        .any(|name| self.has(name));
        while !is_told && !self.has("LATCHKEY_PROVIDER") && !self.has("LATCHKEY_PROVIDER_ISSUER") {
            let question = "Your service: a known one by its name (see docs/services.md), or the address of its \
                OpenID Connect issuer";
            let Some(answer) = self.questions.ask(question, None)? else {
                return Ok(());
            };
            let name = match answer.contains("://") {
                true => "LATCHKEY_PROVIDER_ISSUER",
                false => "LATCHKEY_PROVIDER",
            };
            self.set(name, &answer);
            self.check(name);
        }
        let known = Known::find(self.text("LATCHKEY_PROVIDER"));
        if let Some(Endpoints::Discovery {
            issuer: None,
            example,
        }) = known.map(|known| known.endpoints.value)
        {
            let question = format!("Its issuer, like {example}");
            self.ask("LATCHKEY_PROVIDER_ISSUER", &question, None)?;
        }
        if known.is_none_or(|known| known.name.is_none()) {
            self.ask(
                "LATCHKEY_PROVIDER_NAME",
                "Its name, as people know it",
                None,
            )?;
        }
        self.ask(
            "LATCHKEY_PROVIDER_CLIENT_ID",
            "The client id that it gave this app",
            None,
        )?;
        let by_secret = ![
            "LATCHKEY_PROVIDER_CLIENT_KEY",
            "LATCHKEY_PROVIDER_CLIENT_CERTIFICATE",
        ]
        .iter()
        .any(|name| self.has(name));
        if by_secret
            && !self.has("LATCHKEY_PROVIDER_CLIENT_SECRET")
            && let Some(secret) = self.questions.ask_secret("The client secret")?
        {
            self.texts
                .insert("LATCHKEY_PROVIDER_CLIENT_SECRET".to_owned(), secret);
        }
        Ok(())
    }

    /// False if it was not told, and nobody is there to ask.
    fn the_door(&mut self) -> Result<bool, String> {
        let door = match self.init.door {
            Some(door) => door,
            None if self.has("LATCHKEY_CONNECT") || self.has("LATCHKEY_FORGE_APP_ID") => {
                let connect = match self.text("LATCHKEY_CONNECT") {
                    "" => "off".to_owned(),
                    given => given.to_owned(),
                };
                self.set("LATCHKEY_CONNECT", &connect);
                return Ok(true);
            }
            None if self.questions.0.is_none() => return Ok(false),
            None => loop {
                let question = format!("{DOORS}\nThe door: connect, forge or both");
                let answer = self.questions.ask(&question, Some("forge"))?;
                if let Ok(door) = Door::from_str(&answer.unwrap_or_default(), true) {
                    break door;
                }
            },
        };
        self.set(
            "LATCHKEY_CONNECT",
            if door == Door::Forge { "off" } else { "on" },
        );
        if door == Door::Connect {
            self.texts
                .retain(|name, _| !name.starts_with("LATCHKEY_FORGE_"));
            return Ok(true);
        }
        self.ask(
            "LATCHKEY_FORGE_APP_ID",
            "The id of the Forge app, which `forge create` prints",
            None,
        )?;
        self.ask(
            "LATCHKEY_FORGE_ENVIRONMENTS",
            "The uuid of its environment, which `forge environments list` prints",
            None,
        )?;
        Ok(true)
    }

    fn the_database(&mut self, out: &Path, random: &Random) -> Result<(), String> {
        const NAME: &str = "LATCHKEY_DATABASE_URL";
        if self.wants(Extra::Compose) {
            if !self.has(NAME) {
                let url = format!("postgres://latchkey:{}@postgres/latchkey", random.id());
                self.set(NAME, &url);
            }
            return Ok(());
        }
        let folder = match self.wants(Extra::Systemd) {
            true => Path::new("/var/lib/latchkey"),
            false => out,
        };
        let default = format!("sqlite://{}", folder.join("latchkey.db").display());
        let question = "The database: SQLite for one process, or postgres://USER:PASSWORD@HOST/DATABASE for several";
        self.ask(NAME, question, Some(&default))
    }

    /// What nobody has to think of.
    fn the_rest(&mut self, random: &Random) {
        let secret = || {
            let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(random.bytes());
            Zeroizing::new(STANDARD.encode(*bytes))
        };
        if !self.has("LATCHKEY_SEALING_KEYS") {
            let key = secret();
            self.set("LATCHKEY_SEALING_KEYS", &format!("k1:{}", key.as_str()));
        }
        let signs = self.text("LATCHKEY_API_KEY_FROM") == "minted";
        let asked = ["LATCHKEY_SERVICE_SECRET", "LATCHKEY_INTROSPECTION_SECRET"];
        if signs && !asked.iter().any(|name| self.has(name)) {
            let secret = secret();
            self.set("LATCHKEY_SERVICE_SECRET", &secret);
        }
        if self.has("LATCHKEY_WEBHOOK_URL") && !self.has("LATCHKEY_WEBHOOK_SECRET") {
            let secret = secret();
            self.set(
                "LATCHKEY_WEBHOOK_SECRET",
                &format!("whsec_{}", secret.as_str()),
            );
        }
        let listen = self.text("LATCHKEY_LISTEN");
        let is_local =
            listen.is_empty() || listen.starts_with("127.") || listen.starts_with("[::1]");
        let is_behind_tls = self.text("LATCHKEY_BASE_URL").starts_with("https:");
        if is_local
            && is_behind_tls
            && !self.wants(Extra::Compose)
            && !self.has("LATCHKEY_TRUSTED_PROXIES")
        {
            self.set("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1,::1");
        }
    }
}

/// The terminal as it is before questions. An answer that is not shown must not leave it silent when somebody stops
/// in the middle.
struct AsBefore(Option<Termios>);

impl AsBefore {
    fn remembered() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }
}

impl Drop for AsBefore {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Without a terminal there is nothing to restore.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Asks, checks, and writes the files. What an operator should read goes to `say`, a line at a time.
///
/// # Errors
/// What is missing or wrong, a line each. Then nothing was written.
pub async fn run(
    init: &Init,
    settings: &Settings,
    outside: &Outside,
    say: &mut (dyn FnMut(String) + Send),
) -> Result<Done, String> {
    let out = std::path::absolute(&init.out)
        .map_err(|error| format!("{} is no folder: {error}", init.out.display()))?;
    let draft = Draft {
        questions: Questions::new(init),
        init: init.clone(),
        texts: settings.texts().collect(),
    };
    let (draft, config) = {
        let _as_before = AsBefore::remembered();
        let (out, random) = (out.clone(), outside.random.clone());
        // A question waits in a thread of its own, so that a signal is heard meanwhile.
        let asked = tokio::task::spawn_blocking(move || draft.complete(&out, &random));
        asked.await.map_err(|error| error.to_string())??
    };
    if draft.wants(Extra::ForgeManifest) && config.forge.is_none() {
        return Err(
            "--with forge-manifest needs a Forge app: give --door forge and its id".to_owned(),
        );
    }
    let files = files_of(&draft, &config, &out)?;
    files::check(&files, init.force)?;
    discover(&config, outside, say).await;
    for file in &files {
        let Written { path, mode } = file.write()?;
        say(format!("written: {} ({mode:o})", path.display()));
    }
    next_steps(&draft, &config, &out, say);
    Ok(Done {
        env_file: out.join("latchkey.env"),
        is_for_here: !draft.wants(Extra::Compose),
    })
}

/// Reads the metadata of the service and says what it found.
async fn discover(config: &Config, outside: &Outside, say: &mut (dyn FnMut(String) + Send)) {
    let provider = Provider::new(
        config.provider.clone(),
        redirect_address(config),
        config.allow_loopback_http,
        outside.http.clone(),
        outside.clock.clone(),
        &outside.random,
    );
    match provider.addresses().await {
        Ok(addresses) => {
            say(format!("{} has these addresses:", provider.name()));
            for (what, address) in addresses {
                say(format!("  {what:<13} {address}"));
            }
        }
        Err(error) => say(format!("{} was not found: {error}", provider.name())),
    }
}

fn redirect_address(config: &Config) -> String {
    format!("{}/link/callback", config.base_url.full())
}

/// The files to write, the settings first.
fn files_of(draft: &Draft, config: &Config, out: &Path) -> Result<Vec<Content>, String> {
    let apart = draft.keeps_secrets_apart();
    let is_unit = draft.wants(Extra::Systemd);
    let mut lines = String::from("# Settings of Latchkey, written by `latchkey init`.\n");
    lines += match apart {
        true => "# Secrets are files of their own.\n",
        false => "# It holds secrets: only its owner can read it.\n",
    };
    let line = |name: &str, text: &str| match line_of(name, text) {
        Some(line) => Ok(format!("{line}\n")),
        None => Err(format!("{name} has more than one line: give it in a file")),
    };
    let mut secrets = Vec::new();
    for (name, text) in &draft.texts {
        if name.ends_with("_FILE") {
            // Apart, its content is written below.
            if !apart {
                let path =
                    std::path::absolute(text.as_str()).unwrap_or_else(|_| text.as_str().into());
                lines += &line(name, &path.display().to_string())?;
            }
            continue;
        }
        if !apart && draft.has(&format!("{name}_FILE")) {
            continue;
        }
        let secret = secret_of(name, config).filter(|_| apart);
        lines += &match secret {
            Some(secret) => {
                let path = out.join(SECRETS).join(secret);
                secrets.push(Content::secret(path.clone(), Secret::new(text.as_str())));
                line(&format!("{name}_FILE"), &path.display().to_string())?
            }
            None => line(name, text)?,
        };
    }
    let env_file = out.join("latchkey.env");
    let mut files = vec![match apart && is_unit {
        // The service reads it itself, and it holds no secret.
        true => Content::for_group(env_file, lines),
        false => Content::secret(env_file, Secret::new(lines)),
    }];
    let names: Vec<&str> = secrets.iter().filter_map(Content::name).collect();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    files.append(&mut secrets);
    let place = files::Place {
        host: config
            .base_url
            .origin()
            .split("://")
            .last()
            .unwrap_or_default(),
        listen: &config.listen,
        out,
        secrets: &names,
    };
    for extra in &draft.init.with {
        match extra {
            Extra::Systemd => files.push(place.unit()),
            Extra::Caddy => files.push(place.caddyfile()),
            Extra::Nginx => files.push(place.nginx()),
            Extra::Compose => {
                if !draft.wants(Extra::Caddy) {
                    files.push(place.caddyfile());
                }
                files.extend(place.compose(draft.text("LATCHKEY_DATABASE_URL")));
            }
            Extra::ForgeManifest => {
                let app = config
                    .forge
                    .as_ref()
                    .map(|app| app.id.clone())
                    .unwrap_or_default();
                let key = (draft.has("LATCHKEY_APP_KEY") && config.connect == Switch::On)
                    .then_some(config.app_key.as_str());
                files.push(place.manifest(&app, &config.app_name, &config.base_url.full(), key));
            }
        }
    }
    Ok(files)
}

/// The name of the file that holds a secret setting, as the packages have it.
fn secret_of(name: &str, config: &Config) -> Option<&'static str> {
    match name {
        "LATCHKEY_SEALING_KEYS" => Some("sealing-keys"),
        "LATCHKEY_PROVIDER_CLIENT_SECRET" => Some("provider-client-secret"),
        "LATCHKEY_PROVIDER_CLIENT_KEY" => Some("provider-client-key"),
        "LATCHKEY_PROVIDER_CLIENT_CERTIFICATE" => Some("provider-client-certificate"),
        "LATCHKEY_PROVIDER_DPOP_KEY" => Some("provider-dpop-key"),
        "LATCHKEY_SERVICE_SECRET" => Some("service-secret"),
        "LATCHKEY_INTROSPECTION_SECRET" => Some("introspection-secret"),
        "LATCHKEY_WEBHOOK_SECRET" => Some("webhook-secret"),
        "LATCHKEY_OTLP_HEADERS" => Some("otlp-headers"),
        "LATCHKEY_DATABASE_URL" => {
            matches!(config.database, Database::Postgres(_)).then_some("database-url")
        }
        _ => None,
    }
}

/// Says what to register where, and how to start.
fn next_steps(draft: &Draft, config: &Config, out: &Path, say: &mut (dyn FnMut(String) + Send)) {
    let service = &config.provider.name;
    let base_url = config.base_url.full();
    let mut lines = vec![
        String::new(),
        format!(
            "At {service}: register a client with the authorization code flow, PKCE and refresh tokens, the scope \
             `{}`, and exactly this redirect address:",
            config.provider.scopes
        ),
        format!("  {}", redirect_address(config)),
    ];
    if config.connect == Switch::On {
        lines.push("At Atlassian, for Connect: the app's descriptor is at".to_owned());
        lines.push(format!("  {base_url}/atlassian-connect.json"));
    }
    if config.forge.is_some() {
        lines.push(format!(
            "At Atlassian, for Forge: fill in and deploy the app (docs/forge.md). Its remote is {base_url}"
        ));
    }
    if draft.text("LATCHKEY_API_KEY_FROM") == "minted" {
        let place = match draft.keeps_secrets_apart() {
            true => "secrets/service-secret",
            false => "latchkey.env",
        };
        lines.push(format!(
            "Your servers ask about keys and links with the service secret in {place}."
        ));
    }
    lines.push("Keep a copy of the sealing key apart from the database: without it the database is worth nothing.".to_owned());
    lines.push(String::new());
    lines.push("Start it with:".to_owned());
    lines.extend(files::starts(
        out,
        draft.wants(Extra::Systemd),
        draft.wants(Extra::Compose),
    ));
    lines.into_iter().for_each(say);
}
