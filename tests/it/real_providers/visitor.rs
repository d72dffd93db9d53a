//! A visitor of a provider who has no browser: follows where it leads, and fills in its forms.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, REFERER, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use url::Url;

/// A client that follows no redirect, as those lead to the product in the end.
pub fn client() -> Client {
    // Browsers know that *.localhost is this machine; this client has to be told.
    let here = |builder: reqwest::ClientBuilder, host: &str| {
        builder.resolve(host, ([127, 0, 0, 1], 0).into())
    };
    let hosts = ["oidc.localhost", "django.localhost", "canaille.localhost"];
    hosts
        .into_iter()
        .fold(Client::builder(), here)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .expect("an HTTP client")
}

/// Follows an authorize address: where the provider leads back to. `fill_in` answers to a page, beside
/// what stands in its form already.
pub async fn visit(
    client: &Client,
    authorize_url: &str,
    fill_in: impl Fn(&str) -> Option<Vec<(&'static str, String)>>,
) -> String {
    let start = Url::parse(authorize_url).expect("an authorize URL");
    let mut cookies = Cookies::default();
    let mut here = start.clone();
    let mut answer = cookies.keep(request(client, &here, &cookies, None).await);

    // A login and a consent are eight requests; more is a loop.
    for _ in 0..12 {
        if let Some(location) = answer.headers().get(LOCATION) {
            let location = location.to_str().expect("a location is text");
            here = here.join(location).expect("a location is an address");
            // A pushed request does not name where to go back to.
            if here.origin() != start.origin() {
                return here.into();
            }
            answer = cookies.keep(request(client, &here, &cookies, None).await);
            continue;
        }
        let page = answer.text().await.expect("a page");
        let Some(given) = fill_in(&page) else {
            panic!("the provider does not go on at {here}:\n{page}");
        };
        let mut form = hidden_fields(&page);
        form.extend(
            given
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        answer = cookies.keep(request(client, &here, &cookies, Some(&form)).await);
    }
    panic!("the provider never led back from {start}");
}

async fn request(
    client: &Client,
    address: &Url,
    cookies: &Cookies,
    form: Option<&[(String, String)]>,
) -> Response {
    let request = match form {
        Some(form) => client
            .post(address.clone())
            .header(REFERER, address.as_str())
            .form(form),
        None => client.get(address.clone()),
    };
    request
        .header(COOKIE, cookies.header())
        .send()
        .await
        .unwrap_or_else(|error| panic!("{address} does not answer: {error}"))
}

/// What the page's form sends unseen, against forgery for one.
fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        let (value, _) = rest.split_once('"')?;
        Some(value.replace("&amp;", "&"))
    };
    let tags = page.split("<input ").skip(1);
    tags.filter_map(|rest| rest.split_once('>'))
        .map(|(tag, _)| format!(" {tag}"))
        .filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"))
        .filter_map(|tag| {
            let value = attribute(&tag, "value").unwrap_or_default();
            Some((attribute(&tag, "name")?, value))
        })
        .collect()
}

/// Just enough of a cookie jar: one site, every path.
#[derive(Default)]
struct Cookies(HashMap<String, String>);

impl Cookies {
    fn keep(&mut self, answer: Response) -> Response {
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie is text");
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("; ")
    }
}
