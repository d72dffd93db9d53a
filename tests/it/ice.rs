//! A way to PostgreSQL on which connections freeze, as behind a firewall that forgot them, or are cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to PostgreSQL on which connections freeze: they stay open, and nothing arrives any more.
#[derive(Clone, Default)]
pub struct Ice {
    /// Connections up to this number are frozen.
    up_to: Arc<AtomicU64>,
    /// Connections up to this number are cut.
    cut: watch::Sender<u64>,
    opened: Arc<AtomicU64>,
}

impl Ice {
    /// Before the server of this URL; and the URL that leads through it.
    pub async fn before(url: &str) -> (Self, String) {
        let (front, rest) = url.rsplit_once(':').expect("it has a port");
        let (server, database) = rest.split_once('/').expect("it names a database");
        let server: u16 = server.parse().expect("a port is a number");
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let ice = Self::default();
        let here = ice.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = here.opened.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(here.clone().carry(number, client, server));
            }
        });
        (ice, format!("{front}:{port}/{database}"))
    }

    async fn carry(self, number: u64, client: TcpStream, server: u16) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
            return;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let mut cut = self.cut.subscribe();
        tokio::select! {
            _ = cut.wait_for(|up_to| number <= *up_to) => {}
            () = self.pass(number, from_client, to_server) => {}
            () = self.pass(number, from_server, to_client) => {}
        }
    }

    async fn pass(&self, number: u64, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut bytes).await;
            if number <= self.up_to.load(Ordering::SeqCst) {
                // Not even its end arrives.
                std::future::pending::<()>().await;
            }
            match read {
                Ok(length @ 1..) if to.write_all(&bytes[..length]).await.is_ok() => {}
                _ => return,
            }
        }
    }

    /// All connections that are open now freeze. New ones go through.
    pub fn freeze(&self) {
        let opened = self.opened.load(Ordering::SeqCst);
        self.up_to.store(opened, Ordering::SeqCst);
    }

    /// New ones freeze too.
    pub fn freeze_all(&self) {
        self.up_to.store(u64::MAX, Ordering::SeqCst);
    }

    /// All connections that are open now end.
    pub fn cut(&self) {
        self.cut.send_replace(self.opened.load(Ordering::SeqCst));
    }
}
