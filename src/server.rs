//! Web server and worker, started and stopped together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::App;

/// How long requests that are under way may take after a stop.
const LAST_REQUESTS: Duration = Duration::from_secs(9);

/// A running server.
#[derive(Debug)]
pub struct Running {
    app: Arc<App>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    web: JoinHandle<()>,
    worker: JoinHandle<()>,
    watch: JoinHandle<()>,
}

impl Running {
    /// Serves on `listener` and renews, until [`Running::stop`].
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(app: Arc<App>, listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let web = tokio::spawn(serve(
            crate::web::router(app.clone()),
            listener,
            stopped.clone(),
        ));
        let worker = tokio::spawn(crate::worker::run(app.clone(), stopped.clone()));
        let watched = app.clone();
        let watch = tokio::spawn(async move { crate::watch::run(&watched, stopped).await });
        Ok(Self {
            app,
            address,
            stop,
            web,
            worker,
            watch,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The app it runs.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Takes nothing new, finishes what is under way within ten seconds, and closes the store.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let (web, worker, watch) = tokio::join!(
            tokio::time::timeout(LAST_REQUESTS, self.web),
            self.worker,
            self.watch
        );
        if web.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        if worker.is_err() {
            tracing::error!("the worker has panicked");
        }
        if watch.is_err() {
            tracing::error!("the watch has panicked");
        }
        crate::watch::last_words(&self.app);
        self.app.store.close().await;
    }
}

/// Serves a router until `stopped` turns true.
pub async fn serve(
    router: axum::Router,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    let signal = async move {
        // An error means that nobody can stop it any more, which is a stop too.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(signal)
        .await
    {
        tracing::error!(%error, "the server has ended");
    }
}
