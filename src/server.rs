//! Starts and stops web server and worker together, and bounds what a connection may cost.

pub mod signals;

use std::io;
use std::net::SocketAddr;
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};

use crate::app::App;
use crate::web::{BodyWithin, Peer};

/// How long requests in progress may take after a stop.
const LAST_REQUESTS: Duration = Duration::from_secs(9);
/// How long the worker may take after a stop. It stops waiting for renewals before that, and takes longer
/// only if the database does not answer.
const LAST_WORK: Duration = Duration::from_millis(9300);
/// How many bytes of a request head are read before a 431. The limit is checked after each read, so a head
/// that arrives in one read can be up to twice as large. Heads of Jira's frames have about three kilobytes.
const LARGEST_HEAD: usize = 32 * 1024;
/// How long to wait when connections cannot be accepted, for instance because the process has no file
/// descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Bounds of a connection. With the largest head and the largest body they bound the memory that clients can
/// make the server use.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many connections there may be at once; further clients wait until one ends.
    pub connections: usize,
    /// How long the head of a request may take to arrive, counted from the connection or from the previous
    /// answer. So it also ends idle connections.
    pub head: Duration,
    /// How long a body may take to arrive before a 408.
    pub body: Duration,
    /// How long a client may leave an answer unread.
    pub answer: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 4096,
            head: Duration::from_secs(15),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(15),
        }
    }
}

/// A running server.
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
    pub fn start(app: Arc<App>, listener: TcpListener) -> io::Result<Self> {
        Self::start_within(Bounds::default(), app, listener)
    }

    /// The same, with other bounds.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start_within(bounds: Bounds, app: Arc<App>, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let web = tokio::spawn(serve_within(
            bounds,
            crate::web::router(app.clone()),
            listener,
            stopped.clone(),
        ));
        let worker = tokio::spawn(crate::worker::run(app.renewing.clone(), stopped.clone()));
        let watched = app.clone();
        let watch =
            tokio::spawn(async move { crate::operate::watch::run(&watched, stopped).await });
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

    /// Accepts nothing new, finishes within ten seconds what is in progress, and closes the store.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let (web, worker, watch) = tokio::join!(
            tokio::time::timeout(LAST_REQUESTS, self.web),
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

/// Serves a router until `stopped` turns true, and then finishes the requests in progress.
pub async fn serve(router: Router, listener: TcpListener, stopped: watch::Receiver<bool>) {
    serve_within(Bounds::default(), router, listener, stopped).await;
}

async fn serve_within(
    bounds: Bounds,
    router: Router,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(LARGEST_HEAD);
    let free = Arc::new(Semaphore::new(bounds.connections));
    let connections = GracefulShutdown::new();
    loop {
        let next = async {
            let place = free.clone().acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            next = next => next,
            // An error means that the sender is gone, which is a stop too.
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let extensions = request.extensions_mut();
            extensions.insert(Peer(peer.ip()));
            extensions.insert(BodyWithin(bounds.body));
            router.call(request)
        });
        let stream = TokioIo::new(Taken::new(stream, bounds.answer));
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
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
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
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// A connection that fails when the client leaves an answer unread for too long: otherwise a client that
/// never reads would keep its connection for ever.
struct Taken {
    stream: TcpStream,
    patience: Duration,
    /// Runs while sent bytes wait to be read.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Taken {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            waiting: None,
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

impl AsyncRead for Taken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Taken {
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
