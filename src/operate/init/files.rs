//! The files that `latchkey init` writes: those in `packaging/` and `forge/`, filled in.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use url::Url;

use crate::listen::Listen;
use crate::secret::Secret;

const UNIT: &str = include_str!("../../../packaging/systemd/latchkey.service");
const CADDYFILE: &str = include_str!("../../../packaging/caddy/Caddyfile");
const NGINX: &str = include_str!("../../../packaging/nginx/latchkey.conf");
const COMPOSE: &str = include_str!("../../../packaging/compose/compose.yaml");
const MANIFEST: &str = include_str!("../../../forge/manifest.yml");

/// What stands in these files where an operator's own has to stand.
const HOST: &str = "latchkey.example.com";
const UPSTREAM: &str = "127.0.0.1:8080";
const FOLDER: &str = "/etc/latchkey";
/// Where the unit expects the program.
const PROGRAM: &str = "/usr/bin/latchkey";
/// The user and the group of the service.
const GROUP: &str = "latchkey";
/// Users of the containers that read secrets.
const OF_LATCHKEY: u32 = 65532;
const OF_POSTGRES: u32 = 999;

/// The file of the client secret, which a client may do without.
const CLIENT_SECRET: &str = "provider-client-secret";
/// The folder of files of secrets.
pub(super) const SECRETS: &str = "secrets";
const OWNER_ALONE: u32 = 0o700;
const OWNER_ONLY: u32 = 0o600;
const OWNER_AND_GROUP: u32 = 0o640;
const EVERYBODY: u32 = 0o644;

/// A file to write.
pub(super) struct Content {
    path: PathBuf,
    text: Secret,
    mode: u32,
    /// Which group has to read it, by its id.
    group: Option<u32>,
}

/// A file that was written.
pub(super) struct Written<'a> {
    pub(super) path: &'a Path,
    pub(super) mode: u32,
}

impl Content {
    fn new(path: PathBuf, text: impl Into<String>) -> Self {
        Self {
            path,
            text: Secret::new(text),
            mode: EVERYBODY,
            group: None,
        }
    }

    /// A file that only its owner can read.
    pub(super) fn secret(path: PathBuf, text: Secret) -> Self {
        Self {
            text,
            mode: OWNER_ONLY,
            ..Self::new(path, "")
        }
    }

    /// A file that the group of the service can read, if there is one.
    pub(super) fn for_group(path: PathBuf, text: String) -> Self {
        Self {
            mode: OWNER_AND_GROUP,
            group: group_of_service(),
            ..Self::new(path, text)
        }
    }

    /// The name of the file.
    pub(super) fn name(&self) -> Option<&str> {
        self.path.file_name()?.to_str()
    }

    /// Writes it, with its rights from the first moment.
    pub(super) fn write(&self) -> Result<Written<'_>, String> {
        let cannot =
            |error: std::io::Error| format!("{} cannot be written: {error}", self.path.display());
        if let Some(folder) = self.path.parent() {
            let mut builder = DirBuilder::new();
            if folder.ends_with(SECRETS) {
                builder.mode(OWNER_ALONE);
            }
            builder.recursive(true).create(folder).map_err(cannot)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(self.mode)
            .open(&self.path)
            .map_err(cannot)?;
        // One that was there may have others.
        file.set_permissions(Permissions::from_mode(self.mode))
            .map_err(cannot)?;
        file.set_len(0).map_err(cannot)?;
        file.write_all(self.text.expose().as_bytes())
            .map_err(cannot)?;
        if self.group.is_some() {
            // Only root may give files away. `starts` says what is left to do.
            let _ = chown(&self.path, None, self.group);
        }
        Ok(Written {
            path: &self.path,
            mode: self.mode,
        })
    }
}

/// Whether all of them can be written without overwriting one.
pub(super) fn check(files: &[Content], force: bool) -> Result<(), String> {
    let there = files.iter().filter(|file| file.path.exists());
    let there: Vec<String> = there.map(|file| file.path.display().to_string()).collect();
    match there.is_empty() || force {
        true => Ok(()),
        false => Err(format!(
            "there is already {}: choose another folder (--out), or overwrite with --force. Nothing was written",
            there.join(", ")
        )),
    }
}

/// The id of the group of the service.
fn group_of_service() -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    let mut fields = groups.lines().map(|line| line.split(':'));
    fields.find_map(|mut line| match line.next() {
        Some(GROUP) => line.nth(1)?.parse().ok(),
        _ => None,
    })
}

/// Where the server is, and where its files are.
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) listen: &'a Listen,
    pub(super) out: &'a Path,
    /// The names of the files of secrets.
    pub(super) secrets: &'a [String],
}

impl Place<'_> {
    /// The unit, with the folder that was chosen and the secrets that there are.
    pub(super) fn unit(&self) -> Content {
        let mut unit = UNIT.replace(FOLDER, &self.out.display().to_string());
        let lines_of = |secret: &str| {
            let setting = secret.to_uppercase().replace('-', "_");
            [
                format!("LoadCredential={secret}:"),
                format!("Environment=LATCHKEY_{setting}_FILE="),
            ]
        };
        for line in self.secrets.iter().flat_map(|secret| lines_of(secret)) {
            unit = unit.replace(&format!("\n#{line}"), &format!("\n{line}"));
        }
        // Something else proves which client this is, and systemd would miss the file.
        if !self.secrets.iter().any(|secret| secret == CLIENT_SECRET) {
            for line in lines_of(CLIENT_SECRET) {
                unit = unit.replace(&format!("\n{line}"), &format!("\n#{line}"));
            }
        }
        Content::new(self.out.join("latchkey.service"), unit)
    }

    /// The configuration of Caddy.
    pub(super) fn caddyfile(&self) -> Content {
        let upstream = match self.listen {
            Listen::Tcp(address) => address.to_string(),
            Listen::Unix(path) => format!("unix/{}", path.display()),
        };
        let text = CADDYFILE
            .replace(HOST, self.host)
            .replace(UPSTREAM, &upstream);
        Content::new(self.out.join("Caddyfile"), text)
    }

    /// The configuration of nginx.
    pub(super) fn nginx(&self) -> Content {
        let upstream = match self.listen {
            Listen::Tcp(address) => address.to_string(),
            Listen::Unix(path) => format!("unix:{}", path.display()),
        };
        let name = self.host.split(':').next().unwrap_or_default();
        let text = NGINX.replace(HOST, name).replace(UPSTREAM, &upstream);
        Content::new(self.out.join("latchkey.conf"), text)
    }

    /// The file of Compose, what it takes from the environment, and the password of its database.
    pub(super) fn compose(&self, database_url: &str) -> Vec<Content> {
        let password = Url::parse(database_url).ok();
        let password = password
            .as_ref()
            .and_then(Url::password)
            .unwrap_or_default();
        let compose = COMPOSE.replace("../caddy/Caddyfile", "./Caddyfile");
        let secret = self.out.join(SECRETS).join("postgres-password");
        vec![
            Content::new(self.out.join("compose.yaml"), compose),
            Content::new(
                self.out.join(".env"),
                format!("LATCHKEY_HOST={}\n", self.host),
            ),
            Content::secret(secret, Secret::new(password)),
        ]
    }

    /// The manifest of the Forge app, as `forge/fill` fills it in.
    pub(super) fn manifest(
        &self,
        app: &str,
        name: &str,
        base_url: &str,
        key: Option<&str>,
    ) -> Content {
        let scalar = |text: &str| {
            let quoted = serde_json::Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let lines = MANIFEST.lines().filter(|line| {
            !line.starts_with('#') && (key.is_some() || !line.contains("{{ app_key }}"))
        });
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        let text = text
            .replace("{{ app_id }}", &scalar(app))
            .replace("{{ app_name }}", &scalar(name))
            .replace("{{ base_url }}", &scalar(base_url))
            .replace("{{ app_key }}", &scalar(key.unwrap_or_default()));
        Content::new(self.out.join("manifest.yml"), text)
    }
}

/// How to start, a command in each line.
pub(super) fn starts(out: &Path, by_systemd: bool, by_compose: bool) -> Vec<String> {
    let out = out.display();
    let program = std::env::current_exe().unwrap_or_else(|_| PROGRAM.into());
    let program = program.display();
    if by_compose {
        return vec![
            format!(
                "  chown {OF_LATCHKEY} {out}/secrets/* && chown {OF_POSTGRES} {out}/secrets/postgres-password"
            ),
            format!("  docker compose --project-directory {out} up --detach"),
        ];
    }
    if !by_systemd {
        return vec![format!("  {program} --env-file {out}/latchkey.env serve")];
    }
    let mut lines = Vec::new();
    if group_of_service().is_none() {
        lines.push(format!(
            "  useradd --system --shell /usr/sbin/nologin {GROUP}"
        ));
        lines.push(format!("  chgrp {GROUP} {out}/latchkey.env"));
    }
    if program.to_string() != PROGRAM {
        lines.push(format!("  install {program} {PROGRAM}"));
    }
    lines.push(format!("  systemctl enable --now {out}/latchkey.service"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(listen: &'a Listen, secrets: &'a [String]) -> Place<'a> {
        Place {
            host: "keys.acme.test",
            listen,
            out: Path::new("/srv/latchkey"),
            secrets,
        }
    }

    #[test]
    fn what_is_packaged_is_filled_in() {
        let listen = Listen::Tcp(([127, 0, 0, 1], 9000).into());
        let secrets = ["sealing-keys", "provider-client-secret", "database-url"].map(str::to_owned);
        let place = place(&listen, &secrets);
        let unit = place.unit();
        let unit = unit.text.expose();
        assert!(!unit.contains(FOLDER), "{unit}");
        for line in [
            "Environment=LATCHKEY_ENV_FILE=/srv/latchkey/latchkey.env",
            "LoadCredential=sealing-keys:/srv/latchkey/secrets/sealing-keys",
            "LoadCredential=database-url:/srv/latchkey/secrets/database-url",
            "Environment=LATCHKEY_DATABASE_URL_FILE=%d/database-url",
            "#LoadCredential=service-secret:/srv/latchkey/secrets/service-secret",
            "#LoadCredential=provider-client-key:/srv/latchkey/secrets/provider-client-key",
        ] {
            assert!(
                unit.lines().any(|known| known == line),
                "no {line} in {unit}"
            );
        }
        for file in [place.caddyfile(), place.nginx()] {
            let text = file.text.expose();
            assert!(
                text.contains("keys.acme.test") && text.contains("127.0.0.1:9000"),
                "{text}"
            );
            assert!(!text.contains(HOST) && !text.contains(UPSTREAM), "{text}");
        }
        let compose = place.compose("postgres://latchkey:s3cret@postgres/latchkey");
        let texts: Vec<&str> = compose.iter().map(|file| file.text.expose()).collect();
        assert!(texts[0].contains("./Caddyfile:"), "{}", texts[0]);
        assert_eq!(texts[1..], ["LATCHKEY_HOST=keys.acme.test\n", "s3cret"]);
    }

    #[test]
    fn a_proxy_reaches_the_socket() {
        let listen = Listen::Unix("/run/latchkey/latchkey.sock".into());
        let place = place(&listen, &[]);
        let caddy = place.caddyfile();
        assert!(
            caddy
                .text
                .expose()
                .contains("unix//run/latchkey/latchkey.sock")
        );
        let nginx = place.nginx();
        assert!(
            nginx
                .text
                .expose()
                .contains("proxy_pass http://unix:/run/latchkey/latchkey.sock;")
        );
    }

    #[test]
    fn a_manifest_has_no_placeholder_left() {
        let listen = Listen::Tcp(([127, 0, 0, 1], 9000).into());
        let place = place(&listen, &[]);
        let base = "https://keys.acme.test";
        for key in [None, Some("acme-keys")] {
            let manifest = place.manifest("0f1e2d3c", "Acme \"Keys\"", base, key);
            let text = manifest.text.expose();
            assert!(!text.contains("{{"), "{text}");
            assert!(text.contains("title: \"Acme \\\"Keys\\\"\""), "{text}");
            assert_eq!(text.contains("acme-keys"), key.is_some());
        }
    }
}
