//! Stories of a collector of traces and metrics. The collector here refuses what a real one refuses: another path,
//! another type, a missing header, a body that is no message of the protocol.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::child::Latchkey;
use crate::logs;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::MIA;

on_both_databases!(a_collector_gets_traces_and_metrics_and_nothing_personal);

const KEY: &str = "k3y-of-the-collector-1f0a";

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    metrics: Vec<ExportMetricsServiceRequest>,
    /// Everything, as it came.
    bytes: Vec<u8>,
    refused: Vec<String>,
    asked: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Takes,
    Refuses,
    Stalls,
}

#[derive(Clone)]
struct Collector {
    received: Arc<Mutex<Received>>,
    mood: Arc<Mutex<Mood>>,
    url: String,
}

impl Collector {
    async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let collector = Self {
            received: Arc::default(),
            mood: Arc::new(Mutex::new(mood)),
            url: format!("http://{}/otlp", listener.local_addr().expect("an address")),
        };
        let router = Router::new()
            .route("/otlp/v1/{what}", post(take))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn setting(&self, seconds: u64) -> Setting {
        Setting::keys_live(seconds)
            .with("LATCHKEY_OTLP_URL", format!("{}/", self.url))
            .with("LATCHKEY_OTLP_HEADERS", format!("api-key={KEY}"))
            .with("LATCHKEY_OTLP_INTERVAL", "1")
    }

    fn read<T>(&self, read: impl FnOnce(&Received) -> T) -> T {
        read(&self.received.lock().unwrap())
    }

    /// The newest value of each series of a metric.
    fn numbers(&self, name: &str) -> HashMap<String, f64> {
        let mut numbers = HashMap::new();
        self.read(|received| {
            for request in &received.metrics {
                for metric in metrics_of(request).filter(|metric| metric.name == name) {
                    let points = match metric.data.as_ref() {
                        Some(Data::Sum(sum)) => &sum.data_points,
                        Some(Data::Gauge(gauge)) => &gauge.data_points,
                        other => panic!("{name} is no number: {other:?}"),
                    };
                    for point in points {
                        let labels: Vec<String> = point
                            .attributes
                            .iter()
                            .map(|label| text(label.value.as_ref()).to_owned())
                            .collect();
                        let value = match point.value {
                            Some(opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsDouble(value)) => value,
                            other => panic!("{name}: {other:?}"),
                        };
                        numbers.insert(labels.join(" "), value);
                    }
                }
            }
        });
        numbers
    }
}

fn metrics_of(
    request: &ExportMetricsServiceRequest,
) -> impl Iterator<Item = &opentelemetry_proto::tonic::metrics::v1::Metric> {
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|r| &r.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics)
}

fn text(value: Option<&opentelemetry_proto::tonic::common::v1::AnyValue>) -> &str {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}

async fn true_soon(what: &str, mut is: impl FnMut() -> bool) {
    eventually(what, async || is().then_some(())).await;
}

async fn take(
    State(collector): State<Collector>,
    Path(what): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mood = *collector.mood.lock().unwrap();
    if mood == Mood::Stalls {
        collector.received.lock().unwrap().asked += 1;
        return std::future::pending().await;
    }
    let mut received = collector.received.lock().unwrap();
    received.asked += 1;
    if mood == Mood::Refuses {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
    if !is("content-type", "application/x-protobuf") || !is("api-key", KEY) {
        received.refused.push(format!("{headers:?}"));
        return StatusCode::UNAUTHORIZED;
    }
    match what.as_str() {
        "traces" => match ExportTraceServiceRequest::decode(body.clone()) {
            Ok(request) => {
                let scopes = request
                    .resource_spans
                    .into_iter()
                    .flat_map(|r| r.scope_spans);
                received.spans.extend(scopes.flat_map(|scope| scope.spans));
            }
            Err(error) => received.refused.push(error.to_string()),
        },
        "metrics" => match ExportMetricsServiceRequest::decode(body.clone()) {
            Ok(request) => received.metrics.push(request),
            Err(error) => received.refused.push(error.to_string()),
        },
        other => received.refused.push(other.to_owned()),
    }
    received.bytes.extend_from_slice(&body);
    StatusCode::OK
}

fn attribute<'s>(span: &'s Span, name: &str) -> Option<&'s Value> {
    let attribute = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == name)?;
    attribute.value.as_ref()?.value.as_ref()
}

/// The names of the spans below this one, at any depth.
fn below<'s>(spans: &'s [Span], top: &Span) -> BTreeSet<&'s str> {
    let mut ids = vec![top.span_id.clone()];
    let mut names = BTreeSet::new();
    while let Some(id) = ids.pop() {
        for span in spans.iter().filter(|span| span.parent_span_id == id) {
            assert_eq!(span.trace_id, top.trace_id, "a trace holds together");
            names.insert(span.name.as_str());
            ids.push(span.span_id.clone());
        }
    }
    names
}

async fn a_collector_gets_traces_and_metrics_and_nothing_personal(db: Db) {
    let collector = Collector::start(Mood::Takes).await;
    let mut scene = Scene::start_child(db, collector.setting(8)).await;
    scene.other_secrets.push(KEY.to_owned());
    let mia = scene.person("acme", MIA);
    mia.link("u-200").await;
    mia.property_of_generation(2).await;
    true_soon("the outcome of a renewal is told", || {
        let renewed = collector.numbers("latchkey_renewals_total");
        renewed.get("renewed").is_some_and(|count| *count >= 1.0)
    })
    .await;
    // The same families, by the same names, as for Prometheus.
    let scraped = scene.child().figures().await.expect("figures");
    let families: BTreeSet<&str> = scraped
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_whitespace().next())
        .collect();
    collector.read(|received| {
        let sent: BTreeSet<&str> = metrics_of(received.metrics.last().expect("metrics"))
            .map(|metric| metric.name.as_str())
            .collect();
        assert_eq!(sent, families);
    });
    let links = collector.numbers("latchkey_links");
    assert_eq!(links.get("live"), Some(&1.0), "{links:?}");

    // What is left is sent at the end.
    let address = scene.address("");
    scene.child().stop().await;
    collector.read(|received| {
        assert_eq!(received.refused, Vec::<String>::new());
        let spans = &received.spans;
        let named = |name: &str| spans.iter().find(|span| span.name == name);
        let confirmed = named("POST /link/{id}/confirm").expect("the request that linked");
        assert_eq!(confirmed.kind, 2, "it is a server's");
        assert!(
            confirmed.parent_span_id.is_empty(),
            "a trace begins with it"
        );
        assert_eq!(
            attribute(confirmed, "http.response.status_code"),
            Some(&Value::IntValue(303))
        );
        let parts = below(spans, confirmed);
        assert!(
            parts.contains("PUT") && parts.contains("transaction"),
            "{parts:?}"
        );
        let renewal = named("renewal").expect("a renewal");
        assert_eq!(
            attribute(renewal, "latchkey.outcome"),
            Some(&Value::StringValue("renewed".to_owned()))
        );
        let parts = below(spans, renewal);
        assert!(parts.contains("POST") && parts.contains("PUT"), "{parts:?}");
        for span in spans {
            let begins = ["renewal", "cleanup"].contains(&span.name.as_str()) || span.kind == 2;
            assert!(
                begins || !span.parent_span_id.is_empty(),
                "{} begins a trace",
                span.name
            );
            let to = attribute(span, "server.address").map(|host| format!("{host:?}"));
            assert!(
                to.is_none_or(|host| !host.contains("127.0.0.1")),
                "its own reports are traced"
            );
        }
        // Nothing that names a person or a site, nor a secret.
        logs::assert_free_of_secrets("what the collector got", &received.bytes, &scene.secrets());
        let text = String::from_utf8_lossy(&received.bytes).into_owned();
        for personal in [MIA, "u-200", "Mia", "/rest/api", address.as_str(), "jwt="] {
            assert!(!text.contains(personal), "{personal} was sent");
        }
    });
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_does_not_take_anything_costs_nothing_else() {
    for mood in [Mood::Refuses, Mood::Stalls] {
        let collector = Collector::start(mood).await;
        let mut scene = Scene::start_child(Db::Sqlite, collector.setting(8)).await;
        scene.other_secrets.push(KEY.to_owned());
        let mia = scene.person("acme", MIA);
        mia.link("u-200").await;
        for generation in 2..=3 {
            mia.property_of_generation(generation).await;
            assert_eq!(mia.state().await, "linked");
        }
        scene.get("/readyz").await.is(200);
        assert!(collector.read(|received| received.asked) > 0, "it is asked");
        if mood == Mood::Refuses {
            let lost = scene.child().figure("latchkey_otlp_failures_total").await;
            assert!(lost.is_some_and(|lost| lost > 0), "{lost:?}");
            let said = scene.child().output();
            assert_eq!(
                said.matches("traces and metrics are lost").count(),
                1,
                "{said}"
            );
            collector.be(Mood::Takes);
            true_soon("metrics come again", || {
                collector.read(|received| !received.metrics.is_empty())
            })
            .await;
            true_soon("the log says so", || {
                scene
                    .child()
                    .output()
                    .contains("takes traces and metrics again")
            })
            .await;
        }
        let asked_at = Instant::now();
        scene.child().terminate();
        let status = scene.child().exit(Duration::from_secs(10)).await;
        assert!(status.success(), "{status}");
        assert!(asked_at.elapsed() < Duration::from_secs(10));
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_the_traces_is_recorded_and_the_log_is_the_same() {
    let collector = Collector::start(Mood::Takes).await;
    let setting = collector.setting(3600).with("LATCHKEY_OTLP_TRACES", "0");
    let mut scene = Scene::start_child(Db::Sqlite, setting).await;
    scene.other_secrets.push(KEY.to_owned());
    scene.person("acme", MIA).link("u-200").await;
    true_soon("metrics come", || {
        collector.read(|received| !received.metrics.is_empty())
    })
    .await;
    // The spans of traces are not in the log, and its own are there as ever.
    scene
        .send(scene.http.post(scene.address("/connect/installed")))
        .await
        .is(401);
    true_soon("the log has it", || {
        scene.child().output().contains("request{method=POST")
    })
    .await;
    let said = scene.child().output();
    assert!(!said.contains("otel."), "{said}");
    scene.child().stop().await;
    assert_eq!(collector.read(|received| received.spans.len()), 0);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_whether_the_collector_takes_anything() {
    let collector = Collector::start(Mood::Takes).await;
    let mut scene = Scene::start_child(Db::Sqlite, collector.setting(3600)).await;
    scene.other_secrets.push(KEY.to_owned());
    let settings = scene.settings_of_child(9);
    let well = Latchkey::run(&["doctor"], &settings).await;
    assert!(well.stdout.contains("✓ collector"), "{}", well.stdout);
    collector.be(Mood::Refuses);
    let trouble = Latchkey::run(&["doctor"], &settings).await;
    let line = trouble
        .stdout
        .lines()
        .find(|line| line.contains("collector"));
    let line = line.expect("a line about it");
    assert!(line.starts_with('!') && line.contains("429"), "{line}");
    assert!(
        line.contains("LATCHKEY_OTLP_URL") && !line.contains(KEY),
        "{line}"
    );
    scene.close().await;
}
