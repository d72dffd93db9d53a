//! The two ways in from Jira, for stories that are told of both. A site of Forge has the app's own pages, built by
//! `forge/` with the real `@forge/bridge`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::scene::{FORGE_SITE, Scene};
use crate::sim::forge_app::{self, Naming};
use crate::sim::jira::ForgePages;

/// Makes a test of each story for each door.
#[macro_export]
macro_rules! by_both_doors {
    ($($story:ident),+ $(,)?) => {
        mod by_connect {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::doors::Door::Connect).await;
            })+
        }
        mod by_forge {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::doors::Door::Forge).await;
            })+
        }
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Connect,
    Forge,
}

impl Door {
    /// A site whose people come this way.
    pub async fn open(self, scene: &Scene) -> &'static str {
        match self {
            Self::Connect => "acme",
            Self::Forge => {
                scene.deploy().await;
                scene.with_forge(FORGE_SITE).await;
                FORGE_SITE
            }
        }
    }
}

impl Scene {
    /// Deploys the pages of the Forge app, filled in for this product.
    pub async fn deploy(&self) {
        static BUILT: OnceCell<Files> = OnceCell::const_new();
        let built = BUILT.get_or_init(|| blocking(build)).await;
        let (app, base) = (self.world.jira.forge_app_id(), self.base.clone());
        let pages = blocking(move || fill(built, &app, &base)).await;
        self.world.jira.set_forge_pages(pages);
    }
}

/// What `forge/build.mjs` writes, by path.
type Files = BTreeMap<PathBuf, Vec<u8>>;

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.expect("the pages of the Forge app are built")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn forge() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("forge")
}

/// Runs a script of `forge/`, with nothing of this process's settings.
fn node(script: &str, arguments: &[&str]) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = Command::new("node")
        .arg(forge().join(script))
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("LATCHKEY_ALLOW_LOOPBACK_HTTP", "true")
        .stdin(Stdio::null())
        .output()
        .expect("node is not installed: scripts/test installs it");
    assert!(
        output.status.success(),
        "forge/{script} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the folder's name is text")
}

fn build() -> Files {
    assert!(
        forge().join("node_modules/@forge/bridge").exists(),
        "forge/node_modules is missing: run npm ci in forge/, as scripts/test does"
    );
    let folder = folder();
    node("build.mjs", &[text(folder.path())]);
    let mut files = Files::new();
    for page in fs::read_dir(folder.path()).expect("the pages are there") {
        let page = page.expect("a folder");
        for file in fs::read_dir(page.path()).expect("its files are there") {
            let path = file.expect("a file").path();
            let content = fs::read(&path).expect("it can be read");
            let path = path.strip_prefix(folder.path()).expect("it is in there");
            files.insert(path.to_owned(), content);
        }
    }
    files
}

fn fill(built: &Files, app: &str, base: &str) -> ForgePages {
    let folder = folder();
    let (pages, filled) = (folder.path().join("built"), folder.path().join("app"));
    for (path, content) in built {
        let path = pages.join(path);
        let parent = path.parent().expect("a file is in a folder");
        fs::create_dir_all(parent).expect("a folder is made");
        fs::write(path, content).expect("a file is written");
    }
    let arguments = [
        text(&filled),
        "--built",
        text(&pages),
        "--app-id",
        app,
        "--base-url",
        base,
    ];
    node("fill", &arguments);
    ForgePages::of_folder(&filled).expect("the filled app can be read")
}

#[test]
fn the_demo_has_the_pages_of_the_app() {
    let built = build();
    // What forge/fill puts in is left open in both.
    let naming = Naming {
        app_name: "{{ app_name }}",
        base_url: "{{ base_url }}",
    };
    let put_together = forge_app::pages(&naming);
    assert_eq!(built.len(), put_together.len());
    for (path, content) in put_together {
        let of_app = &built[Path::new(&path)];
        // The scripts are bundled there, and the style sheet is minified.
        if path.ends_with(".html") {
            let [ours, apps] = [&content, of_app].map(|file| String::from_utf8_lossy(file));
            assert_eq!(ours, apps, "{path}");
        }
    }
}
