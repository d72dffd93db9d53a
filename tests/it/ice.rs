//! A way to PostgreSQL on which connections freeze, as behind a firewall that forgot them, or are cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use crate::postgres::Postgres;

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
        let (listener, server, way) = Postgres::way_to(url).await;
        let ice = Self::default();
        let here = ice.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = here.opened.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(here.clone().carry(number, client, server));
            }
        });
        (ice, way)
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

/// What is wrong with a server.
#[derive(Clone, Copy)]
pub enum Wrong {
    /// Connections that are open answer nothing any more.
    Frozen,
    ReadOnly,
    Restarting,
}

/// A PostgreSQL of a story's own that can be put into trouble.
pub struct Server {
    cluster: Postgres,
    /// Not through the ice.
    direct: String,
    ice: Ice,
}

impl Server {
    /// With a new database, and the URL that leads to it through the ice.
    pub async fn start() -> (Self, String) {
        let cluster = Postgres::private().await;
        let direct = cluster.create().await;
        let (ice, way) = Ice::before(&direct).await;
        let server = Self {
            cluster,
            direct,
            ice,
        };
        (server, way)
    }

    pub async fn begin(&self, wrong: Wrong) {
        match wrong {
            Wrong::Frozen => self.ice.freeze(),
            Wrong::ReadOnly => {
                Postgres::read_only(&self.direct, true).await;
                self.ice.cut();
            }
            Wrong::Restarting => self.cluster.stop().await,
        }
    }

    pub async fn end(&self, wrong: Wrong) {
        match wrong {
            // Its connections stay dead.
            Wrong::Frozen => {}
            Wrong::ReadOnly => Postgres::read_only(&self.direct, false).await,
            Wrong::Restarting => self.cluster.start().await,
        }
    }
}
