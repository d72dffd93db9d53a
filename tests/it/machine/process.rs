//! A process of the product, small enough to have two of them in one thread: an app on a runtime of its
//! own. It does something only while this runtime is driven, so it can be stopped between any two awaits
//! and go on later, as after SIGSTOP, or never, as after SIGKILL: then the runtime is dropped with all
//! that it has, tasks, connections and locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use latchkey::App;
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::error::Error;
use latchkey::outbound::Outbound;
use latchkey::random::Random;
use latchkey::worker::{Cleaning, Renewals, Watchman};

/// How the product is told where everything is.
pub type Settings = Vec<(&'static str, String)>;

const DONE: &str = "the database answers";

/// What it has under way.
#[derive(Default)]
struct Doing {
    renewals: Renewals,
    cleaning: Cleanings,
    /// What people have asked for.
    requests: JoinSet<()>,
    watchman: Watchman,
    /// Whether the database is in trouble, so that it may refuse.
    troubled: Arc<AtomicBool>,
}

/// What a loop makes of an answer of the database: it goes on later, as the product's loops do, but only where
/// the database is in trouble.
fn unless_troubled<T>(result: Result<T, Error>, troubled: &AtomicBool) -> Option<T> {
    match result {
        Err(Error::Unavailable(_)) if troubled.load(Ordering::SeqCst) => None,
        result => Some(result.expect(DONE)),
    }
}

/// The one loop that cleans up, here or under way.
enum Cleanings {
    Here(Cleaning),
    UnderWay(JoinHandle<Cleaning>),
}

impl Default for Cleanings {
    fn default() -> Self {
        Self::Here(Cleaning::default())
    }
}

pub struct Process {
    pub app: Arc<App>,
    pub paused: bool,
    doing: Doing,
    runtime: Runtime,
}

impl Process {
    pub fn start(settings: &Settings, clock: &Clock, random: Random) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let pairs = settings.iter().map(|(name, value)| (*name, value.as_str()));
        let config = Config::from_pairs(pairs).expect("the settings are good");
        let outside = latchkey::Outside {
            clock: clock.clone(),
            random,
            http: Outbound::new(true).expect("an HTTP client"),
        };
        let app = runtime.block_on(App::new(config, outside));
        Self {
            app: app.expect("the app starts"),
            paused: false,
            doing: Doing::default(),
            runtime,
        }
    }

    /// Drives it until this is done.
    pub fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// One round of the loop that renews.
    pub fn work(&mut self) {
        let work = self.doing.work(&self.app);
        self.runtime.block_on(work);
    }

    /// The loop that cleans up goes on until there is nothing more to do, unless it is still at it.
    pub fn tidy(&mut self) {
        if let Cleanings::Here(cleaning) = &mut self.doing.cleaning {
            let (app, mut cleaning) = (self.app.clone(), std::mem::take(cleaning));
            let troubled = self.doing.troubled.clone();
            self.doing.cleaning = Cleanings::UnderWay(self.runtime.spawn(async move {
                while unless_troubled(cleaning.tidy(&app.parts).await, &troubled) == Some(true) {}
                cleaning
            }));
        }
    }

    /// Somebody asks for something.
    pub fn request(&mut self, what: impl Future<Output = ()> + Send + 'static) {
        self.doing.requests.spawn_on(what, self.runtime.handle());
    }

    /// From now on the database is in trouble, or is not any more.
    pub fn troubled(&self, troubled: bool) {
        self.doing.troubled.store(troubled, Ordering::SeqCst);
    }

    /// Whether people wait for it.
    pub fn is_asked(&self) -> bool {
        !self.doing.requests.is_empty()
    }

    /// SIGTERM: it claims nothing more, ends what it has begun, and gives back the rest.
    pub fn stop(mut self, patience: Duration, elsewhere: &Runtime) {
        if self.drive(patience) {
            let (replica, now) = (&self.app.renewing.replica, self.app.parts.clock.now());
            let released = self.app.parts.store.release(replica, now);
            self.run(released).expect(DONE);
        }
        self.kill(elsewhere);
    }

    /// Renewals and requests that have not ended. Each makes one call at a time.
    pub fn under_way(&self) -> usize {
        self.doing.renewals.under_way() + self.doing.requests.len()
    }

    pub fn is_tidying(&self) -> bool {
        matches!(self.doing.cleaning, Cleanings::UnderWay(_))
    }

    /// Drives it for so long, or until nothing is under way: then true.
    pub fn drive(&mut self, at_most: Duration) -> bool {
        let done = self.doing.done();
        let driven = async { tokio::time::timeout(at_most, done).await };
        self.runtime.block_on(driven).is_ok()
    }

    /// The same for so long and no longer; it is about to be killed.
    pub fn drive_for(&mut self, so_long: Duration) {
        let done = self.doing.done();
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = turn_over(so_long) => {}
                () = done => {}
            }
        });
    }

    /// Works for so long; it is about to be killed.
    pub fn work_for(&mut self, so_long: Duration) {
        let (app, doing) = (&self.app, &mut self.doing);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = turn_over(so_long) => {}
                () = async {
                    doing.work(app).await;
                    doing.done().await;
                } => {}
            }
        });
    }

    /// SIGKILL.
    pub fn kill(self, elsewhere: &Runtime) {
        let Self {
            app,
            doing,
            runtime,
            ..
        } = self;
        drop(runtime);
        // What is left of it has no runtime any more, and some of that wants to know one.
        let _somewhere = elsewhere.enter();
        drop(doing);
        assert_eq!(Arc::strong_count(&app), 1, "nothing of it goes on");
    }
}

/// Timers are too coarse for this.
async fn turn_over(so_long: Duration) {
    let end = Instant::now() + so_long;
    while Instant::now() < end {
        tokio::task::yield_now().await;
    }
}

impl Doing {
    async fn work(&mut self, app: &Arc<App>) {
        unless_troubled(self.watchman.look(&app.renewing).await, &self.troubled);
        let mut begin = async || self.renewals.begin(&app.renewing).await;
        while unless_troubled(begin().await, &self.troubled).is_some_and(|begun| begun > 0) {}
    }

    /// Can be broken off and asked again.
    async fn done(&mut self) {
        let Self {
            renewals,
            requests,
            cleaning,
            ..
        } = self;
        // Together: what has ended counts no more, while others are held.
        let requests = async {
            while let Some(ended) = requests.join_next().await {
                ended.expect("no request panics");
            }
        };
        let tidying = async {
            if let Cleanings::UnderWay(tidying) = cleaning {
                let ended = tidying.await.expect("cleaning up does not panic");
                *cleaning = Cleanings::Here(ended);
            }
        };
        tokio::join!(renewals.end(), requests, tidying);
    }
}
