//! A visitor without a browser: keeps the service's cookie and walks its pages over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::header;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use tokio::sync::Mutex;
use url::Url;

use super::Service;

/// A client that follows no redirect, uses no proxy, and finds `*.localhost`.
pub fn loopback_client() -> reqwest::Client {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(Loopback));
    client.build().expect("the TLS backend starts")
}

/// Every name is this machine. The port comes from the address.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str();
        let found = match name == "localhost" || name.ends_with(".localhost") {
            true => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            false => Err(format!("{name} is not a loopback name")),
        };
        Box::pin(async move {
            let address = found?;
            Ok(Box::new(std::iter::once(address)) as Addrs)
        })
    }
}

/// One browser's worth of cookies. A second visit need not log in.
pub struct Visitor {
    service: Service,
    client: reqwest::Client,
    cookie: Mutex<Option<String>>,
}

enum Step {
    /// The browser leaves the service, for this address.
    Away(String),
    /// A page, and the address it stands at.
    Page(Url, String),
}

impl Visitor {
    pub fn new(service: &Service) -> Self {
        Self {
            service: service.clone(),
            client: loopback_client(),
            cookie: Mutex::new(None),
        }
    }

    /// Opens the authorize URL, logs in as `subject` if asked to, allows, and returns the address
    /// the service sends the browser back to.
    ///
    /// # Panics
    /// When the service shows a dead end instead.
    pub async fn approve(&self, authorize_url: &str, subject: &str) -> String {
        self.walk(authorize_url, subject, "allow").await
    }

    /// As [`Self::approve`], but denies.
    pub async fn deny(&self, authorize_url: &str, subject: &str) -> String {
        self.walk(authorize_url, subject, "deny").await
    }

    /// What stands on the page where the browser ends up.
    pub async fn page(&self, address: &str) -> String {
        self.read(self.client.get(address)).await
    }

    /// Sends a form, and reads the page where the browser ends up.
    pub async fn submit(&self, address: &str, form: &[(&str, &str)]) -> String {
        self.read(self.client.post(address).form(form)).await
    }

    async fn read(&self, request: reqwest::RequestBuilder) -> String {
        match self.follow(request).await {
            Step::Page(_, page) => page,
            Step::Away(address) => panic!("sent away to {address}"),
        }
    }

    async fn walk(&self, authorize_url: &str, subject: &str, decision: &str) -> String {
        /// Login and consent are two; more means that a page comes back again and again.
        const PAGES: usize = 3;
        let mut step = self.follow(self.client.get(authorize_url)).await;
        for _ in 0..PAGES {
            let (at, page) = match step {
                Step::Away(address) => return address,
                Step::Page(at, page) => (at, page),
            };
            let request = at.query_pairs().find(|(name, _)| name == "request");
            let (_, request) = request.unwrap_or_else(|| panic!("a dead end at {at}: {page}"));
            let answer = match at.path() {
                "/login" => ("subject", subject),
                "/consent" => ("decision", decision),
                _ => panic!("nothing to do at {at}: {page}"),
            };
            let form = [("request", request.as_ref()), answer];
            step = self.follow(self.client.post(at.as_str()).form(&form)).await;
        }
        panic!("{subject} gets nowhere from {authorize_url}");
    }

    async fn follow(&self, request: reqwest::RequestBuilder) -> Step {
        let mut cookie = self.cookie.lock().await;
        let mut request = request;
        loop {
            if let Some(cookie) = &*cookie {
                request = request.header(header::COOKIE, cookie);
            }
            let answer = request.send().await.expect("the service answers");
            if let Some(set) = answer.headers().get(header::SET_COOKIE) {
                let set = set.to_str().expect("cookies are plain text");
                *cookie = set.split(';').next().map(String::from);
            }
            let at = answer.url().clone();
            let Some(location) = answer.headers().get(header::LOCATION) else {
                let page = answer.text().await.expect("pages are text");
                return Step::Page(at, page);
            };
            let location = location.to_str().expect("addresses are plain text");
            let target = at.join(location).expect("redirects go to addresses");
            if target.origin() != at.origin() {
                return Step::Away(target.into());
            }
            request = self.client.get(target);
        }
    }
}
