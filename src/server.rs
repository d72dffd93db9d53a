//! Starts and stops web server and worker together, and bounds what a connection may cost.

mod idle;
pub mod signals;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};

use idle::{Client, Idle};

use crate::app::App;
use crate::listen::{Listen, Listener, Stream};
use crate::web::{BodyWithin, Peer};

/// How long requests in progress may take after a stop.
const LAST_REQUESTS: Duration = Duration::from_secs(9);
/// How long the worker may take after a stop. It stops waiting for renewals before that, and takes longer
/// only if the database does not answer.
const LAST_WORK: Duration = Duration::from_millis(9300);
/// How many bytes of a request head are read before a 431. The limit is checked after each read, so a head
/// that arrives in one read can be up to twice as large. Heads of Jira's frames have about three kilobytes.
const LARGEST_HEAD: usize = 80 * 1024;
/// How long to wait when connections cannot be accepted, for instance because the process has no file
/// descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// The most connections of clients at once, if there are file descriptors for them.
const MOST_CONNECTIONS: usize = 4096;
/// The most connections to the address of `/metrics`.
const MOST_SCRAPES: usize = 64;

/// How many connections clients may have at once when this process may open so many file descriptors. They
/// get half of those: renewals and the database keep the rest.
#[must_use]
pub fn connections_within(descriptors: Option<u64>) -> usize {
    let half = descriptors.map_or(usize::MAX, |all| {
        usize::try_from(all / 2).unwrap_or(usize::MAX)
    });
    half.clamp(1, MOST_CONNECTIONS)
}

/// Bounds of a connection. With the largest head and the largest body they bound the memory that clients can
/// make the server use.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many connections there may be at once. When a further client comes, the connection that has been
    /// idle for longest is closed; if none is idle, the client waits until one is, or ends.
    pub connections: usize,
    /// How long the head of a request may take to arrive, counted from its first byte, or from the connection
    /// for the first request.
    pub head: Duration,
    /// How long a connection may be idle after an answer. It is longer than the 60 seconds after which load
    /// balancers close such connections: the side that closes first should be theirs, because a request that
    /// meets a closing connection is lost.
    pub idle: Duration,
    /// How long a body may take to arrive before a 408.
    pub body: Duration,
    /// How long a client may leave an answer unread.
    pub answer: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: MOST_CONNECTIONS,
            head: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(15),
        }
    }
}

/// A running server.
pub struct Running {
    app: Arc<App>,
    address: Listen,
    /// Stops the worker and the watch.
    stop: watch::Sender<bool>,
    /// Closes the listener.
    close: watch::Sender<bool>,
    web: JoinHandle<()>,
    worker: JoinHandle<()>,
    watch: JoinHandle<()>,
}

impl Running {
    /// Serves on `listener` and renews, until [`Running::stop`].
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(app: Arc<App>, listener: impl Into<Listener>) -> io::Result<Self> {
        Self::start_within(Bounds::default(), app, listener)
    }

    /// The same, with other bounds.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start_within(
        bounds: Bounds,
        app: Arc<App>,
        listener: impl Into<Listener>,
    ) -> io::Result<Self> {
        let listener = listener.into();
        let address = listener.address()?;
        let (stop, stopped) = watch::channel(false);
        let (close, closed) = watch::channel(false);
        let web = tokio::spawn(serve_within(
            bounds,
            crate::web::router(app.clone()),
            listener,
            closed,
        ));
        let worker = tokio::spawn(crate::worker::run(app.renewing.clone(), stopped.clone()));
        let watched = app.clone();
        let watch =
            tokio::spawn(async move { crate::operate::watch::run(&watched, stopped).await });
        Ok(Self {
            app,
            address,
            stop,
            close,
            web,
            worker,
            watch,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// The app it runs.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Accepts nothing new, finishes within ten seconds what is in progress, and closes the store.
    pub async fn stop(self) {
        self.stop_after(Duration::ZERO).await;
    }

    /// The same, but requests are still accepted for the time of `drain`, while `/readyz` answers 503: so long
    /// a load balancer takes to notice and to send them elsewhere. No renewal begins meanwhile. The time is
    /// part of the ten seconds.
    pub async fn stop_after(self, drain: Duration) {
        self.app.leaves();
        self.stop.send_replace(true);
        let web = async {
            sleep(drain).await;
            self.close.send_replace(true);
            tokio::time::timeout(LAST_REQUESTS.saturating_sub(drain), self.web).await
        };
        let (web, worker, watch) = tokio::join!(
            web,
            tokio::time::timeout(LAST_WORK, self.worker),
            self.watch
        );
        if web.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        match worker {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the worker has panicked"),
            Err(_) => tracing::warn!("the worker did not end in time"),
        }
        if watch.is_err() {
            tracing::error!("the watch has panicked");
        }
        crate::operate::watch::last_words(&self.app);
        self.app.parts.store.close().await;
    }
}

/// Serves the router of `/metrics` until `stopped` turns true, and then finishes the requests in progress.
pub async fn serve(router: Router, listener: Listener, stopped: watch::Receiver<bool>) {
    let bounds = Bounds {
        connections: MOST_SCRAPES,
        ..Bounds::default()
    };
    serve_within(bounds, router, listener, stopped).await;
}

async fn serve_within(
    bounds: Bounds,
    router: Router,
    listener: Listener,
    mut stopped: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    // `Client` has the finer limits. This one bounds a client that sends part of a head with the request before.
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.idle + bounds.head)
        .max_buf_size(LARGEST_HEAD);
    let free = Arc::new(Semaphore::new(bounds.connections));
    let idle = Idle::default();
    let connections = GracefulShutdown::new();
    loop {
        let next = async {
            let accepted = accept(&listener, &idle).await;
            (place(&free, &idle).await, accepted)
        };
        let (place, (stream, peer)) = tokio::select! {
            next = next => next,
            // An error means that the sender is gone, which is a stop too.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let router = TowerToHyperService::new(router.clone());
        let client = Client::new(bounds, idle.clone());
        let turn = client.turn.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let extensions = request.extensions_mut();
            extensions.insert(peer.map_or(Peer::Socket, Peer::At));
            extensions.insert(BodyWithin(bounds.body));
            turn.begins();
            let (answer, turn) = (router.call(request), turn.clone());
            async move {
                let answer = answer.await;
                turn.ends();
                answer
            }
        });
        let stream = TokioIo::new(Bounded::new(stream, bounds.answer, client));
        let connection = connections.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection was broken off");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// The next connection. A connection that fails does not end the server.
async fn accept(listener: &Listener, idle: &Idle) -> (Box<dyn Stream>, Option<IpAddr>) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client has already disconnected.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "connections cannot be accepted");
                idle.close_longest();
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// A place for one more connection. If there is none, the connection that has been idle for longest gives up
/// its place.
async fn place(free: &Arc<Semaphore>, idle: &Idle) -> Option<OwnedSemaphorePermit> {
    loop {
        match free.clone().try_acquire_owned() {
            Ok(place) => return Some(place),
            Err(TryAcquireError::NoPermits) => {}
            Err(TryAcquireError::Closed) => return None,
        }
        if idle.close_longest() {
            return free.clone().acquire_owned().await.ok();
        }
        tokio::select! {
            place = free.clone().acquire_owned() => return place.ok(),
            () = idle.more.notified() => {}
        }
    }
}

/// A connection that ends when the client takes too long: to send a head, to send the next request, or to
/// read an answer. Otherwise such a client would keep its connection for ever.
struct Bounded {
    stream: Box<dyn Stream>,
    patience: Duration,
    /// Runs while sent bytes wait to be read.
    waiting: Option<Pin<Box<Sleep>>>,
    client: Client,
}

impl Bounded {
    fn new(stream: Box<dyn Stream>, patience: Duration, client: Client) -> Self {
        Self {
            stream,
            patience,
            waiting: None,
            client,
        }
    }

    fn within_patience<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        match read {
            // Part of an answer waits to be read: that has a limit of its own.
            Poll::Pending if self.waiting.is_some() => Poll::Pending,
            // As if the client had closed it: hyper then ends the connection in an orderly way.
            Poll::Pending if self.client.gives_way(context) => Poll::Ready(Ok(())),
            Poll::Pending => self.client.poll_limit(context),
            Poll::Ready(read) => {
                if buffer.filled().len() > before {
                    self.client.sends();
                }
                Poll::Ready(read)
            }
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within_patience(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.within_patience(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
