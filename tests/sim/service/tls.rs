//! The service at a second address, over TLS, where clients show a certificate (RFC 8705).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::wire::{CuttableStream, Line, serve_lines};

/// What makes that address: a configuration that demands certificates of an authority, and the one of the app's client,
/// in DER.
#[derive(Clone)]
pub struct MutualTls {
    pub config: Arc<ServerConfig>,
    pub of_client: Vec<u8>,
}

impl std::fmt::Debug for MutualTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MutualTls")
    }
}

/// A listener there.
pub(super) struct SecureListener {
    socket: TcpListener,
    acceptor: TlsAcceptor,
    of_client: Vec<u8>,
}

pub(super) async fn bind(mutual_tls: MutualTls) -> SecureListener {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    SecureListener {
        socket: socket.expect("a loopback port is free"),
        acceptor: TlsAcceptor::from(mutual_tls.config),
        of_client: mutual_tls.of_client,
    }
}

impl SecureListener {
    pub fn address(&self) -> String {
        let address = self.socket.local_addr().expect("a bound socket has one");
        format!("https://service.localhost:{}", address.port())
    }

    pub fn serve(self, router: Router) {
        serve_lines(self, router);
    }
}

impl Listener for SecureListener {
    type Io = CuttableStream<TlsStream<TcpStream>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.socket).await;
            // Without a certificate of the authority there is no connection.
            let Ok(stream) = self.acceptor.accept(stream).await else {
                continue;
            };
            let (_, session) = stream.get_ref();
            let shown = session.peer_certificates().and_then(|chain| chain.first());
            let line = match shown.is_some_and(|shown| shown.as_ref() == self.of_client) {
                true => Line::of_client(),
                false => Line::of_another(),
            };
            return (CuttableStream { stream, line }, peer);
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.socket.local_addr()
    }
}
