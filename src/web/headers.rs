//! Headers on every answer, and the content security policies.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::model::Tenant;

/// For answers that are not pages: they load nothing and may not be framed.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Sets the security headers that Atlassian requires and OWASP recommends. Pages bring their own policy.
pub async fn on_every_answer(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 3] = [
        (REFERRER_POLICY, "no-referrer"),
        (
            STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(NOTHING));
    // Only a file that is the same for everybody brings its own.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache, no-store"));
    response
}

/// For a page in a tab of its own.
///
/// `form-action` covers redirects in Chromium. The form of the linking page is redirected to the service, and the
/// service may redirect to any address where its people log in. So every https address is allowed.
pub fn top_level(app: &App) -> String {
    let loopback = if app.connect.base_url.origin().starts_with("http://") {
        " http:"
    } else {
        ""
    };
    let logo = match &app.appearance.service.logo {
        Some(logo) => format!(" {}", logo.origin().ascii_serialization()),
        None => String::new(),
    };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'{logo}; base-uri 'none'; \
         form-action 'self' https:{loopback}; frame-ancestors 'none'"
    )
}

/// The same with a small script of our own.
pub fn top_level_with_script(app: &App) -> String {
    format!("{}; script-src 'self'", top_level(app))
}

/// The same with a script that also tells the server something.
pub fn top_level_that_tells(app: &App) -> String {
    format!("{}; connect-src 'self'", top_level_with_script(app))
}

/// For a page that a tenant frames: only that tenant's hosts may.
pub fn framed_by(app: &App, tenant: &Tenant) -> String {
    let hosts: Vec<&str> = std::iter::once(tenant.base_url.as_str())
        .chain(tenant.display_urls.iter().map(String::as_str))
        .collect();
    framed(app, &hosts.join(" "))
}

/// For an error page before the tenant is known. Any Jira site may frame it, because it holds nothing to
/// click and no personal data.
pub fn framed_by_any_site(app: &App) -> String {
    let loopback = app.connect.base_url.origin().starts_with("http://");
    let hosts: Vec<String> = app
        .connect
        .site_hosts()
        .patterns()
        .map(|host| {
            if loopback {
                format!("http://{host}:*")
            } else {
                format!("https://{host}")
            }
        })
        .collect();
    framed(app, &hosts.join(" "))
}

fn framed(app: &App, ancestors: &str) -> String {
    let bridge = app.appearance.connect_js.origin().ascii_serialization();
    format!(
        "default-src 'none'; script-src 'self' {bridge}; style-src 'self' {bridge}; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    )
}
