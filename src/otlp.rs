//! Traces and metrics for a collector, by OTLP: the OpenTelemetry protocol, as protobuf over HTTP.
//!
//! Off unless an operator names a collector. It never stands in the way: what the collector does not take within
//! some seconds is lost and counted. Spans wait in a queue of bounded size for a thread of their own.
//!
//! Nobody outside continues a trace here, and no call from here carries one on: anybody could send a header that
//! makes this server record more than its operator wants.

mod metrics;

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{Link, SpanKind, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample,
    SpanData, SpanExporter,
};
use prometheus::IntCounter;
use prometheus::proto::MetricFamily;
use prost::Message as _;
use tokio::runtime::Handle;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use url::Url;

use crate::clock::Seconds;
use crate::error::ShouldBe;
use crate::log::Traces;
use crate::outbound::{Failure, Outbound};
use crate::sites::is_loopback;
use crate::spans;

/// How long the collector may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the end of the process waits until the last spans and metrics are taken.
const LAST: Duration = Duration::from_secs(1);
/// Answers have nothing that is read.
const LARGEST_ANSWER: usize = 64 * 1024;
const SERVICE: &str = "latchkey";

/// Requests that were lost since the process started. A process has one collector.
pub static LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    IntCounter::new(
        "latchkey_otlp_failures_total",
        "Times that the collector did not take traces or metrics, which are lost.",
    )
    .expect("the name is a constant")
});

/// The address of a collector, to which `/v1/traces` and `/v1/metrics` are appended. Plain http is for a network of the
/// operator's own: what is sent has no secrets, except where headers are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorUrl(Url);

impl CollectorUrl {
    /// Whether what is sent there can be read on the way.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let loopback = self.0.host().is_some_and(|host| is_loopback(&host));
        self.0.scheme() != "https" && !loopback
    }
}

impl FromStr for CollectorUrl {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let good = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = Url::parse(text).ok().filter(good);
        url.map(Self).ok_or(ShouldBe::new(
            "the URL of a collector without user, query or fragment, like http://127.0.0.1:4318",
        ))
    }
}

/// Headers with which a collector knows its callers.
#[derive(Clone, Default)]
pub struct Headers(HeaderMap);

impl FromStr for Headers {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let entry = |entry: &str| {
            let (name, value) = entry.split_once('=')?;
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        let all: Option<HeaderMap> = text.split(',').map(entry).collect();
        all.map(Self)
            .ok_or(ShouldBe::new("headers, comma separated, like name=value"))
    }
}

/// Where traces and metrics go, and how much of them.
#[derive(Clone)]
pub struct Collector {
    /// Its address.
    pub url: CollectorUrl,
    /// What it wants to see besides.
    pub headers: Headers,
    /// Per cent of requests and renewals that are traced.
    pub traced: u32,
    /// Seconds between two reports of the metrics.
    pub every: Seconds,
}

/// The way to the collector. Clones share it.
#[derive(Debug, Clone)]
pub struct Otlp(Arc<Way>);

#[derive(Debug)]
struct Way {
    http: Outbound,
    url: String,
    headers: HeaderMap,
    resource: Resource,
    /// Whether it took the last request.
    took: AtomicBool,
}

impl Otlp {
    /// The way to this collector. `instance` tells this process from the others.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn new(
        collector: &Collector,
        instance: &str,
        loopback_names: bool,
    ) -> Result<Self, reqwest::Error> {
        let mut headers = collector.headers.0.clone();
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        headers.insert(CONTENT_TYPE, protobuf);
        let resource = Resource::builder()
            .with_service_name(SERVICE)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
            .build();
        Ok(Self(Arc::new(Way {
            http: Outbound::with_time_limit(loopback_names, ANSWER)?,
            url: collector.url.0.as_str().trim_end_matches('/').to_owned(),
            headers,
            resource,
            took: AtomicBool::new(true),
        })))
    }

    /// Records spans, and sends them from a thread of its own while `runtime` lives.
    #[must_use]
    pub fn tracing(&self, traced: u32, runtime: Handle) -> Tracing {
        let exporter = Exporter {
            otlp: self.clone(),
            runtime,
        };
        let share = Sampler::TraceIdRatioBased(f64::from(traced) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_resource(self.0.resource.clone())
            .with_sampler(Sampler::ParentBased(Box::new(WholeOnly(share))))
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .build();
        Tracing(provider)
    }

    /// Sends metrics once.
    pub async fn send_metrics(&self, families: &[MetricFamily], began: Seconds, now: Seconds) {
        let resource = (&self.0.resource).into();
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![metrics::of(resource, SERVICE, families, began, now)],
        };
        self.send("metrics", request.encode_to_vec()).await;
    }

    /// Asks whether the collector takes traces and metrics, without any.
    ///
    /// # Errors
    /// Words for the operator.
    pub async fn try_out(&self) -> Result<(), String> {
        let nothing = ExportTraceServiceRequest::default().encode_to_vec();
        self.post("traces", nothing).await?;
        let nothing = ExportMetricsServiceRequest::default().encode_to_vec();
        self.post("metrics", nothing).await
    }

    /// Whether the collector took it. A failure is logged when it follows a success.
    async fn send(&self, what: &'static str, body: Vec<u8>) -> bool {
        let taken = self.post(what, body).await;
        if taken.is_err() {
            LOST.inc();
        }
        match (&taken, self.0.took.swap(taken.is_ok(), Ordering::Relaxed)) {
            (Err(error), true) => tracing::warn!(
                %error,
                collector = self.0.url,
                "traces and metrics are lost: the collector does not take them"
            ),
            (Ok(()), false) => {
                tracing::info!("the collector takes traces and metrics again");
            }
            _ => {}
        }
        taken.is_ok()
    }

    async fn post(&self, what: &str, body: Vec<u8>) -> Result<(), String> {
        let Way {
            http, url, headers, ..
        } = &*self.0;
        let request = http
            .client()
            .post(format!("{url}/v1/{what}"))
            .headers(headers.clone())
            .body(body);
        // Its span belongs to no trace, so it is not recorded.
        let sent = http.send(request, LARGEST_ANSWER);
        match sent.await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(format!("{url}/v1/{what} answered {}", answer.status)),
            Err(Failure::NotSent(why) | Failure::Unknown(why)) => {
                Err(format!("{url}/v1/{what}: {why}"))
            }
        }
    }
}

/// The recorder of spans.
pub struct Tracing(SdkTracerProvider);

impl Tracing {
    /// What tracing needs to record them.
    #[must_use]
    pub fn layer(&self) -> Traces {
        let spans_only =
            filter_fn(|metadata| metadata.is_span() && metadata.target() == spans::TARGET);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(spans_only)
            .boxed()
    }

    /// Sends what is left, for at most a second.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST));
        // The thread that sends may be waiting for a collector that does not answer.
        tokio::time::timeout(LAST, ended).await.ok();
    }
}

/// Traces begin with a request or some work, and not with a call that belongs to none: a loop that looks into the
/// database every second would be most of what a collector sees.
#[derive(Debug, Clone)]
struct WholeOnly(Sampler);

impl ShouldSample for WholeOnly {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self
            .0
            .should_sample(parent, trace, name, kind, attributes, links);
        if *kind == SpanKind::Client {
            result.decision = SamplingDecision::Drop;
        }
        result
    }
}

/// Sends spans. It runs on a thread without a runtime, so the call itself is a task of ours.
#[derive(Debug)]
struct Exporter {
    otlp: Otlp,
    runtime: Handle,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let otlp = self.otlp.clone();
        let resource = ResourceAttributesWithSchema::from(&otlp.0.resource);
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &resource),
        };
        let body = request.encode_to_vec();
        let sent = self
            .runtime
            .spawn(async move { otlp.send("traces", body).await });
        match sent.await {
            Ok(true) => Ok(()),
            _ => Err(OTelSdkError::InternalFailure("not taken".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_and_headers_are_named() {
        for good in [
            "http://collector:4318",
            "https://otlp.example.com/otlp/",
            "http://[::1]:4318",
        ] {
            assert!(good.parse::<CollectorUrl>().is_ok(), "{good}");
        }
        for bad in [
            "collector:4318",
            "grpc://collector:4317",
            "http://user:secret@collector",
            "https://collector?key=1",
            "http://",
        ] {
            assert!(bad.parse::<CollectorUrl>().is_err(), "{bad}");
        }
        let readable = |text: &str| text.parse::<CollectorUrl>().unwrap().is_readable();
        assert!(readable("http://collector:4318"));
        for unread in [
            "https://collector",
            "http://localhost:4318",
            "http://127.0.0.1:4318",
            "http://[::1]:4318",
        ] {
            assert!(!readable(unread), "{unread}");
        }
        let Headers(headers) = "api-key = abc=def , x-team=9".parse().unwrap();
        assert_eq!(headers["api-key"], "abc=def");
        assert_eq!(headers["x-team"], "9");
        assert!(!format!("{headers:?}").contains("abc"));
        for bad in ["", "api-key", "a b=c", "api-key=x\ny", "a=b,"] {
            assert!(bad.parse::<Headers>().is_err(), "{bad:?}");
        }
    }
}
