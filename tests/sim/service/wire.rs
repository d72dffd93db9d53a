//! Sockets that can be cut, and the middleware every call passes: it counts, and lets faults happen.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::fault::{Around, Endpoint, Kind};
use super::proof::Proof;
use super::tls::SecureListener;
use super::{Params, Service, World};

/// Far more than any request of the protocol has.
const BODY_LIMIT: usize = 64 * 1024;

/// One call, as it is remembered.
#[derive(Clone, Debug)]
pub struct Call {
    pub endpoint: Endpoint,
    pub method: Method,
    pub path: String,
    /// None while it is being answered, and for ever if the connection was cut.
    pub status: Option<StatusCode>,
    /// The fault that happened to it, in words.
    pub fault: Option<String>,
}

/// What handlers know of the call they answer.
#[derive(Clone)]
pub(super) struct Arrival {
    pub fault: Option<Kind>,
    /// The line in the ledger, for calls to the token endpoint.
    pub token_request: Option<usize>,
    /// What its DPoP proof proves.
    pub proof: Proof,
    /// Whether it came with the certificate of the app's client.
    pub certified: bool,
}

/// Listeners on one port of both loopback addresses: browsers try either for `*.localhost`.
pub(super) struct Listeners {
    pub port: u16,
    sockets: Vec<TcpListener>,
}

pub(super) async fn bind_loopback() -> Listeners {
    loop {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let v4 = v4.expect("a loopback port is free");
        let port = v4.local_addr().expect("a bound socket has one").port();
        let sockets = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => vec![v4, v6],
            // Somebody else answers on this port over IPv6, and a browser might ask them.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
            Err(_no_ipv6_here) => vec![v4],
        };
        return Listeners { port, sockets };
    }
}

impl Listeners {
    pub fn serve(self, router: Router) {
        for socket in self.sockets {
            serve_lines(CuttableListener(socket), router.clone());
        }
    }
}

/// Serves everybody who comes to this listener.
pub(super) fn serve_lines<L>(lines: L, router: Router)
where
    L: Listener<Addr = SocketAddr>,
    Line: for<'a> Connected<IncomingStream<'a, L>>,
{
    let service = router.into_make_service_with_connect_info::<Line>();
    tokio::spawn(async move { axum::serve(lines, service).await });
}

struct CuttableListener(TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        let line = Line::default();
        (CuttableStream { stream, line }, peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// One connection, as a handler sees it: it can cut it.
#[derive(Clone, Default)]
pub(super) struct Line {
    is_cut: Arc<AtomicBool>,
    /// Whose certificate was shown, where one is asked for: whether the app's client's.
    certified: Option<bool>,
}

impl Line {
    pub fn of_client() -> Self {
        Self {
            certified: Some(true),
            ..Self::default()
        }
    }

    pub fn of_another() -> Self {
        Self {
            certified: Some(false),
            ..Self::default()
        }
    }

    /// Cuts it; the answer returned is for hyper, and goes nowhere.
    fn cut(&self) -> Response {
        self.is_cut.store(true, Ordering::SeqCst);
        StatusCode::OK.into_response()
    }

    fn check(&self) -> io::Result<()> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().line.clone()
    }
}

impl Connected<IncomingStream<'_, SecureListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, SecureListener>) -> Self {
        stream.io().line.clone()
    }
}

/// A connection whose writes fail once it is cut: the answer never leaves, the socket closes.
pub(super) struct CuttableStream<S> {
    pub stream: S,
    pub line: Line,
}

impl<S: AsyncRead + Unpin> AsyncRead for CuttableStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CuttableStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.line.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Closes a call's lines in the records however it ends: answered, cut, or left by its client.
struct Closing {
    service: Service,
    call: usize,
    token_request: Option<usize>,
    answered: Option<StatusCode>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.service.change(|world| {
            world.calls[self.call].status = self.answered;
            if let Some(request) = self.token_request {
                let left_alone = self.answered.is_none();
                world.ledger.close_token_request(request, left_alone);
            }
        });
    }
}

/// Every call passes here, first and last.
pub(super) async fn front(
    State(service): State<Service>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        service.change(|world| world.note(format!("{}: a body too large", parts.uri.path())));
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().to_string();
    let (call, mut arrival, cleared) =
        service.change(|world| world.arrive(&parts.method, &path, &body));
    arrival.certified = line.certified == Some(true);
    arrival.proof = service.change(|world| world.check_proof(&parts.method, &path, &parts.headers));
    let mut closing = Closing {
        service: service.clone(),
        call,
        token_request: arrival.token_request,
        answered: None,
    };

    let fault = arrival.fault.clone();
    let misplaced = parts.uri.query().is_some() && !Endpoint::of(&path).is_page();
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(arrival);
    let process = async {
        if misplaced {
            // Whatever a program has to say stands in a header or a form: addresses are logged.
            service.change(|world| world.note(format!("{path}: a query")));
            return StatusCode::BAD_REQUEST.into_response();
        }
        let pause = match fault {
            Some(Kind::Delay(pause)) => pause,
            _ => Duration::ZERO,
        };
        // A task of its own: a real server finishes what it began when its client hangs up.
        let work = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            next.run(request).await
        });
        let answer = work.await.unwrap_or_else(|_panicked| {
            service.change(|world| world.note(format!("{path}: the simulation panicked")));
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        });
        if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
            service.change(|world| world.note(format!("{path}: a method it does not have")));
        }
        answer
    };

    let answer = match &fault {
        Some(Kind::Status(status, headers, body)) => canned(*status, headers, body.clone()),
        Some(Kind::Redirect(to)) => canned(307, &[("location".into(), to.clone())], String::new()),
        Some(Kind::HugeBody(size)) => {
            let json = [("content-type".into(), "application/json".into())];
            canned(200, &json, " ".repeat(*size))
        }
        Some(Kind::Html200) => {
            Html("<!doctype html><title>Join this Wi-Fi</title>").into_response()
        }
        Some(Kind::Hang) => std::future::pending().await,
        Some(Kind::Held) => {
            if service.hold(cleared).await {
                return line.cut();
            }
            process.await
        }
        Some(Kind::AnswerHeld) => {
            let answer = process.await;
            if service.hold(cleared).await {
                return line.cut();
            }
            answer
        }
        Some(Kind::CutBefore | Kind::Down) => return line.cut(),
        Some(Kind::CutAfter) => {
            process.await;
            return line.cut();
        }
        Some(Kind::DelayAfter(pause)) => {
            let answer = process.await;
            tokio::time::sleep(*pause).await;
            answer
        }
        Some(Kind::CutJson) => halved(process.await).await,
        Some(Kind::Around(around)) => surrounded(process.await, around).await,
        _ => process.await,
    };
    closing.answered = Some(answer.status());
    answer
}

impl World {
    fn arrive(&mut self, method: &Method, path: &str, body: &[u8]) -> (usize, Arrival, usize) {
        let form = Params::parse(body).ok();
        let presented = |name| form.as_ref().and_then(|form| form.get(name));
        let mut endpoint = Endpoint::of(path);
        if endpoint == Endpoint::Token {
            endpoint = match presented("grant_type") {
                Some("authorization_code") => Endpoint::Redeem,
                Some("refresh_token") => Endpoint::Refresh,
                _ => Endpoint::Token,
            };
        }
        if endpoint == Endpoint::Unknown {
            self.note(format!("{method} {path}: no such route"));
        }
        // Opened before anything can go wrong: a request that hangs is in flight too.
        let token_request = Endpoint::Token.covers(endpoint).then(|| {
            let secret = match endpoint {
                Endpoint::Redeem => presented("code"),
                _ => presented("refresh_token"),
            };
            self.ledger.open_token_request(endpoint, secret)
        });
        let subject = token_request
            .and_then(|request| self.ledger.token_requests()[request].grant)
            .map(|grant| self.ledger.grants()[grant].subject.clone());
        let fault = self.faults.at_request(endpoint, subject.as_deref());
        self.calls.push(Call {
            endpoint,
            method: method.clone(),
            path: path.into(),
            status: None,
            fault: fault.as_ref().map(|kind| format!("{kind:?}")),
        });
        let arrival = Arrival {
            fault,
            token_request,
            proof: Proof::None,
            certified: false,
        };
        (self.calls.len() - 1, arrival, self.let_go.len())
    }
}

fn canned(status: u16, headers: &[(String, String)], body: String) -> Response {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a fault has a real status");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a fault has real header names");
        let value: HeaderValue = value.parse().expect("a fault has real header values");
        answer.headers_mut().append(name, value);
    }
    answer
}

/// An answer with something around it.
async fn surrounded(answer: Response, around: &Around) -> Response {
    let (mut parts, body) = answer.into_parts();
    let mut bytes = to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default()
        .to_vec();
    if parts.status == StatusCode::OK
        && let Some(status) = around.status
    {
        parts.status = StatusCode::from_u16(status).expect("a fault has a real status");
    }
    if bytes.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    if let (Some(b'{'), Some(b'}')) = (bytes.first(), bytes.last()) {
        let inner = &bytes[1..bytes.len() - 1];
        bytes = [b"{", around.first, inner, around.last, b"}"].concat();
    }
    bytes = [around.before, &bytes, around.after].concat();
    match around.media_type {
        Some("") => drop(parts.headers.remove(header::CONTENT_TYPE)),
        Some(media_type) => {
            let media_type = HeaderValue::from_static(media_type);
            parts.headers.insert(header::CONTENT_TYPE, media_type);
        }
        None => {}
    }
    if let Some(coding) = around.coding {
        let name = HeaderValue::from_static(coding.name());
        parts.headers.insert(header::CONTENT_ENCODING, name);
        bytes = coding.encode(&bytes);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes))
}

/// Half a body under a length that fits it: only its reader can tell that something is missing.
async fn halved(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2)))
}
