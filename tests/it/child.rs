//! Child processes: none outlives the test process, however that ends. The real binary is one.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use latchkey::random::Random;
use tokio::time::{Instant, sleep, timeout};

use crate::logs;

const POLL: Duration = Duration::from_millis(10);

/// A child and all it starts: a process group that dies with us.
///
/// Destructors do not run for statics, nor when a test process is killed. So a second child, the
/// watchdog, waits for our end of a pipe to close, which the kernel sees to in every case.
pub struct Process {
    child: Child,
    watchdog: Child,
    last_signal: &'static str,
}

impl Process {
    /// Starts `command` in a group of its own. `last_signal` is what the group gets in the end, and
    /// `leftover` a directory that goes with it.
    pub fn spawn(
        command: &mut Command,
        last_signal: &'static str,
        leftover: Option<&Path>,
    ) -> io::Result<Process> {
        let mut child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let watchdog = Command::new("sh")
            .arg("-c")
            .arg(
                r#"cat
                kill -s "$1" -- "-$2"
                if [ -n "$3" ]; then
                    for _ in $(seq 100); do kill -0 -- "-$2" || break; sleep 0.05; done
                    rm -rf -- "$3"
                fi"#,
            )
            .arg("sh")
            .arg(last_signal)
            .arg(child.id().to_string())
            .arg(leftover.map_or(OsStr::new(""), Path::as_os_str))
            .stdin(Stdio::piped())
            // An inherited output would keep the reader of the test's output waiting.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the whole foreground group and must not take the watchdog first.
            .process_group(0)
            .spawn()
            .inspect_err(|_| {
                let _ = child.kill();
                let _ = child.wait();
            })?;
        Ok(Process {
            child,
            watchdog,
            last_signal,
        })
    }

    pub fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("stdout is piped")
    }

    pub fn take_stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().expect("stderr is piped")
    }

    /// Sends a signal such as `TERM` to the whole group.
    pub fn signal(&self, name: &str) {
        // The standard library can send KILL only; the shell's own `kill` knows them all.
        let _ = Command::new("sh")
            .args(["-c", r#"kill -s "$1" -- "-$2""#, "sh", name])
            .arg(self.child.id().to_string())
            .stderr(Stdio::null())
            .status();
    }

    /// SIGKILL, at once: no shell in between.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
    }

    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    pub async fn exit(&mut self, within: Duration) -> ExitStatus {
        let id = self.child.id();
        timeout(within, async {
            loop {
                if let Some(status) = self.exited() {
                    return status;
                }
                sleep(POLL).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("process {id} was still running after {within:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watchdog first: once the child is reaped, its number may be somebody else's.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        if self.exited().is_none() {
            self.signal(self.last_signal);
            let _ = self.child.wait();
        }
    }
}

/// A port on which nothing listens right now. Something may a moment later: callers try again.
///
/// It is below those that Linux gives to outgoing connections, so that a child which is restarted finds its
/// port free, however many connections other stories open meanwhile.
pub fn free_port() -> u16 {
    let random = Random::system();
    loop {
        let port = 10_000 + u16::try_from(random.up_to(20_000)).expect("it is a port");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// What a child wrote, while it runs and after.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    /// Keeps reading until the stream ends. What comes is part of the captured log of the run.
    fn follow(&self, mut stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let kept = self.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                logs::absorb(&chunk[..length]);
                let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&chunk[..length]);
            }
        })
    }

    fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

/// Settings of the binary by their environment names.
pub type Settings = Vec<(&'static str, String)>;

/// What becomes of what a child writes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    /// It is read.
    Read,
    /// The reader has closed its end.
    Closed,
    /// The reader does not read.
    Unread,
}

/// The real binary, serving.
pub struct Latchkey {
    /// Open, and read by nobody.
    _unread: Option<ChildStderr>,
    process: Process,
    output: Output,
    settings: Settings,
    port: u16,
}

/// The real binary, on its way to its end.
pub struct Run {
    process: Process,
    stdout: Output,
    stderr: Output,
    readers: [JoinHandle<()>; 2],
}

impl Run {
    pub fn start(arguments: &[&str], settings: &Settings) -> Run {
        let mut process = Process::spawn(
            binary(settings)
                .args(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
            "KILL",
            None,
        )
        .expect("the binary starts");
        let (stdout, stderr) = (Output::default(), Output::default());
        let readers = [
            stdout.follow(process.take_stdout()),
            stderr.follow(process.take_stderr()),
        ];
        Run {
            process,
            stdout,
            stderr,
            readers,
        }
    }

    /// Sends a signal such as `TERM`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub fn is_running(&mut self) -> bool {
        self.process.exited().is_none()
    }

    /// Whether it has opened this file.
    pub fn has_open(&self, file: &Path) -> bool {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.child.id()));
        let mut open = open.into_iter().flatten().flatten();
        open.any(|entry| std::fs::read_link(entry.path()).is_ok_and(|opened| opened == file))
    }

    /// The process that the child has started, if there is one.
    pub fn child_of_child(&self) -> Option<u32> {
        let id = self.process.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// What it wrote to standard error so far.
    pub fn said(&self) -> String {
        self.stderr.text()
    }

    pub async fn finish(mut self, within: Duration) -> Finished {
        let status = self.process.exit(within).await;
        for reader in self.readers {
            reader.join().expect("a reader does not panic");
        }
        Finished {
            status,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        }
    }
}

/// The real binary, run to its end.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Latchkey {
    /// Starts `latchkey serve` and waits until it is ready. The settings may depend on the port it
    /// listens on, as the base URL does; `LATCHKEY_LISTEN` is set here.
    pub async fn start(settings: impl Fn(u16) -> Settings) -> Latchkey {
        Latchkey::start_heard(settings, Stderr::Read).await
    }

    /// The same with other ears.
    pub async fn start_heard(settings: impl Fn(u16) -> Settings, stderr: Stderr) -> Latchkey {
        for _ in 0..5 {
            let port = free_port();
            match Latchkey::try_start(settings(port), port, stderr).await {
                Ok(latchkey) => return latchkey,
                Err(said) if said.contains("in use") => {}
                Err(said) => panic!("latchkey did not become ready; it said:\n{said}"),
            }
        }
        panic!("every port tried was taken by somebody else first");
    }

    /// The same on this port.
    pub async fn start_at(port: u16, settings: Settings) -> Latchkey {
        Latchkey::try_start(settings, port, Stderr::Read)
            .await
            .unwrap_or_else(|said| panic!("latchkey did not become ready; it said:\n{said}"))
    }

    /// The same again, on the same port: what an operator's restart is.
    pub async fn restart(mut self) -> Latchkey {
        if self.process.exited().is_none() {
            self.terminate();
            self.exit(Duration::from_secs(30)).await;
        }
        let (settings, port) = (self.settings.clone(), self.port);
        drop(self);
        Latchkey::try_start(settings, port, Stderr::Read)
            .await
            .unwrap_or_else(|said| panic!("latchkey did not come back; it said:\n{said}"))
    }

    async fn try_start(settings: Settings, port: u16, stderr: Stderr) -> Result<Latchkey, String> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
        let mut process = Process::spawn(
            binary(&settings)
                .arg("serve")
                .env("LATCHKEY_LISTEN", listen)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
            "KILL",
            None,
        )
        .expect("the binary starts");
        let output = Output::default();
        let mut readers = vec![output.follow(process.take_stdout())];
        let mut unread = None;
        match (stderr, process.take_stderr()) {
            (Stderr::Read, stream) => readers.push(output.follow(stream)),
            (Stderr::Closed, stream) => drop(stream),
            (Stderr::Unread, stream) => unread = Some(stream),
        }
        let mut latchkey = Latchkey {
            _unread: unread,
            process,
            output,
            settings,
            port,
        };

        let ready = latchkey.address("/readyz");
        let client = client();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if latchkey.process.exited().is_some() {
                for reader in readers {
                    let _ = reader.join();
                }
                return Err(latchkey.output());
            }
            if let Ok(answer) = client.get(&ready).send().await
                && answer.status() == 200
            {
                return Ok(latchkey);
            }
            if Instant::now() > deadline {
                return Err(format!("{}\n({ready} never gave 200)", latchkey.output()));
            }
            sleep(POLL).await;
        }
    }

    /// Runs the binary to its end, as `--help`, `migrate` and a refused setting do.
    pub async fn run(arguments: &[&str], settings: &Settings) -> Finished {
        Run::start(arguments, settings)
            .finish(Duration::from_secs(30))
            .await
    }

    /// Another value of a setting, from the next start on.
    pub fn change(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// No value of it, from the next start on.
    pub fn forget(&mut self, name: &str) {
        self.settings.retain(|(known, _)| *known != name);
    }

    /// Where a path of the app is reached on this replica. The base URL's own path comes first,
    /// its host does not: behind it may be a proxy, or another replica.
    pub fn address(&self, path: &str) -> String {
        let prefix = self
            .settings
            .iter()
            .find(|(name, _)| *name == "LATCHKEY_BASE_URL")
            .and_then(|(_, base_url)| url::Url::parse(base_url).ok())
            .map(|base_url| base_url.path().trim_end_matches('/').to_owned())
            .unwrap_or_default();
        format!("http://127.0.0.1:{}{prefix}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the kernel says of the process under this name, in kilobytes; `VmRSS` is its memory.
    pub fn kilobytes(&self, name: &str) -> u64 {
        let status = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(status).expect("the process runs");
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(known, _)| *known == name).expect("it is said");
        let value = value.trim().strip_suffix(" kB").expect("in kilobytes");
        value.parse().expect("it is a number")
    }

    /// What `/metrics` on the second address says of this name; None while nobody answers there.
    pub async fn figure(&self, name: &str) -> Option<i64> {
        let text = self.figures().await?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let (_, value) = lines.into_iter().find(|(line, _)| *line == name)?;
        value.parse().ok()
    }

    /// All that `/metrics` on the second address says.
    pub async fn figures(&self) -> Option<String> {
        let mut settings = self.settings.iter();
        let (_, address) = settings
            .find(|(setting, _)| *setting == "LATCHKEY_METRICS_LISTEN")
            .expect("a second address is set");
        let request = client().get(format!("http://{address}/metrics"));
        // Without a database it takes as long as a scraper waits.
        let request = request.timeout(Duration::from_secs(10));
        let answer = request.send().await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    }

    /// Everything written to standard output and standard error so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// The most memory it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        1024 * self.of_proc("status", "VmHWM:")
    }

    /// How much it has read from files, in bytes.
    pub fn bytes_read(&self) -> u64 {
        self.of_proc("io", "rchar:")
    }

    fn of_proc(&self, file: &str, name: &str) -> u64 {
        let path = format!("/proc/{}/{file}", self.process.child.id());
        let text = std::fs::read_to_string(path).expect("it is running");
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.next().expect("the kernel says it");
        let number = value.split_whitespace().next().map(str::parse);
        number.expect("there is a value").expect("it is a number")
    }

    /// SIGKILL and gone: nothing of the process runs when this returns.
    pub async fn kill9(&mut self) {
        self.process.kill9();
        // The kernel takes its time where very much is going on.
        self.exit(Duration::from_secs(60)).await;
    }

    /// From now on no file of its can be written, or all can again: to the process that is a disk that is full.
    pub fn fill_disk(&self, full: bool) {
        let limit = if full {
            "--fsize=1:"
        } else {
            "--fsize=unlimited:"
        };
        let status = Command::new("prlimit")
            .args(["--pid", &self.process.child.id().to_string(), limit])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "util-linux is needed"
        );
    }

    /// Any signal, by its name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub fn is_running(&mut self) -> bool {
        self.process.exited().is_none()
    }

    /// SIGTERM, the polite request; `exit` waits for what follows.
    pub fn terminate(&self) {
        self.process.signal("TERM");
    }

    /// Ends it as an operator does, which takes less than ten seconds and succeeds.
    pub async fn stop(&mut self) {
        if self.process.exited().is_none() {
            self.terminate();
            let status = self.exit(Duration::from_secs(10)).await;
            assert!(status.success(), "{status}; it said:\n{}", self.output());
        }
    }

    /// SIGSTOP: the process keeps its connections and does nothing, as a stalled machine does.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    pub fn resume(&self) {
        self.process.signal("CONT");
    }

    pub async fn exit(&mut self, within: Duration) -> ExitStatus {
        self.process.exit(within).await
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build()
        .expect("an HTTP client")
}

/// No setting: how many file descriptors the binary may open, as `soft:hard`.
pub const DESCRIPTORS: &str = "DESCRIPTORS";

/// No setting: the binary is process 1 of a namespace of its own. The child is then `unshare`, which waits
/// for it.
pub const PROCESS_1: &str = "PROCESS_1";

/// No setting: the path of a binary of another version.
pub const OTHER_VERSION: &str = "OTHER_VERSION";

fn binary(settings: &Settings) -> Command {
    let given = |wanted: &str| settings.iter().find(|(name, _)| *name == wanted);
    let other = given(OTHER_VERSION).map(|(_, path)| path.as_str());
    let latchkey = other.unwrap_or(env!("CARGO_BIN_EXE_latchkey"));
    let mut command = match (given(DESCRIPTORS), given(PROCESS_1)) {
        (Some((_, limit)), _) => {
            // It becomes the binary, with the same process id.
            let mut command = Command::new("prlimit");
            command.args([&format!("--nofile={limit}"), latchkey]);
            command
        }
        (_, Some(_)) => {
            let mut command = Command::new("unshare");
            // Where we are not root, root of a namespace of our own may do the same.
            command.args(["--user", "--map-root-user", "--pid", "--fork", latchkey]);
            command
        }
        _ => Command::new(latchkey),
    };
    // Only to be found where it is not named by its path.
    command.env_clear().env("PATH", "/usr/bin:/bin");
    let settings = settings.iter();
    let settings =
        settings.filter(|(name, _)| ![DESCRIPTORS, PROCESS_1, OTHER_VERSION].contains(name));
    for (name, value) in settings {
        command.env(name, value);
    }
    command
}

#[tokio::test]
async fn a_child_dies_with_the_process_that_started_it() {
    // A shell stands in for the test process: it holds the pipe and is killed without warning.
    let directory = tempfile::tempdir().expect("a directory");
    let leftover = directory.path().join("leftover");
    std::fs::create_dir(&leftover).expect("a directory");
    let mut process = Process::spawn(
        Command::new("sleep").arg("60").stdout(Stdio::null()),
        "TERM",
        Some(&leftover),
    )
    .expect("sleep starts");

    drop(process.watchdog.stdin.take());
    let status = process.exit(Duration::from_secs(30)).await;
    assert!(!status.success(), "sleep was ended by a signal");
    timeout(Duration::from_secs(30), async {
        while leftover.exists() {
            sleep(POLL).await;
        }
    })
    .await
    .expect("the watchdog removes what was left over");
}
