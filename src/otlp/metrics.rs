//! Metrics as OTLP writes them. They are counted by the Prometheus library, so that both have the same.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prometheus::proto::{LabelPair, MetricFamily, MetricType};

use crate::clock::Seconds;

const NANOSECONDS: u64 = 1_000_000_000;

fn nanoseconds(at: Seconds) -> u64 {
    u64::try_from(at).unwrap_or(0).saturating_mul(NANOSECONDS)
}

/// These metrics, counted since `began`.
pub(super) fn of(
    resource: Resource,
    scope: &str,
    families: &[MetricFamily],
    began: Seconds,
    now: Seconds,
) -> ResourceMetrics {
    let times = (nanoseconds(began), nanoseconds(now));
    let scope = InstrumentationScope {
        name: scope.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![ScopeMetrics {
            scope: Some(scope),
            metrics: families.iter().filter_map(|f| metric(f, times)).collect(),
            ..ScopeMetrics::default()
        }],
        ..ResourceMetrics::default()
    }
}

/// None of a type that is not used here.
fn metric(family: &MetricFamily, times: (u64, u64)) -> Option<Metric> {
    let each = family.get_metric();
    let cumulative = AggregationTemporality::Cumulative.into();
    let numbers = |value: fn(&prometheus::proto::Metric) -> f64| {
        let point = |metric: &prometheus::proto::Metric| NumberDataPoint {
            attributes: attributes(metric.get_label()),
            start_time_unix_nano: times.0,
            time_unix_nano: times.1,
            value: Some(Number::AsDouble(value(metric))),
            ..NumberDataPoint::default()
        };
        each.iter().map(point).collect()
    };
    let data = match family.get_field_type() {
        MetricType::COUNTER => Data::Sum(Sum {
            data_points: numbers(|metric| metric.get_counter().get_value()),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        MetricType::GAUGE => Data::Gauge(Gauge {
            data_points: numbers(|metric| metric.get_gauge().get_value()),
        }),
        MetricType::HISTOGRAM => Data::Histogram(Histogram {
            data_points: each.iter().map(|metric| buckets(metric, times)).collect(),
            aggregation_temporality: cumulative,
        }),
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    Some(Metric {
        name: family.name().to_owned(),
        description: family.help().to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

/// Prometheus counts in each bucket what is in those before it, too, and OTLP what is in it alone. The last bucket
/// there has no bound.
fn buckets(metric: &prometheus::proto::Metric, times: (u64, u64)) -> HistogramDataPoint {
    let histogram = metric.get_histogram();
    let finite = histogram
        .get_bucket()
        .iter()
        .filter(|bucket| bucket.upper_bound().is_finite());
    let (mut bounds, mut counts, mut before) = (Vec::new(), Vec::new(), 0);
    for bucket in finite {
        bounds.push(bucket.upper_bound());
        counts.push(bucket.cumulative_count().saturating_sub(before));
        before = bucket.cumulative_count();
    }
    let count = histogram.get_sample_count();
    counts.push(count.saturating_sub(before));
    HistogramDataPoint {
        attributes: attributes(metric.get_label()),
        start_time_unix_nano: times.0,
        time_unix_nano: times.1,
        count,
        sum: Some(histogram.get_sample_sum()),
        bucket_counts: counts,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    }
}

fn attributes(labels: &[LabelPair]) -> Vec<KeyValue> {
    let attribute = |label: &LabelPair| KeyValue {
        key: label.name().to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(label.value().to_owned())),
        }),
        ..KeyValue::default()
    };
    labels.iter().map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

    use super::*;

    #[test]
    fn a_counter_goes_up_and_a_histogram_counts_each_value_once() {
        let registry = Registry::new();
        let counter = IntCounterVec::new(Opts::new("tries_total", "Tries."), &["outcome"]).unwrap();
        counter.with_label_values(&["good"]).inc_by(3);
        let options = HistogramOpts::new("took_seconds", "Took.").buckets(vec![1.0, 2.0]);
        let histogram = HistogramVec::new(options, &["step"]).unwrap();
        for value in [0.5, 0.7, 1.5, 9.0] {
            histogram.with_label_values(&["ask"]).observe(value);
        }
        registry.register(Box::new(counter)).unwrap();
        registry.register(Box::new(histogram)).unwrap();
        let given = of(
            Resource::default(),
            "latchkey",
            &registry.gather(),
            1_000,
            1_060,
        );
        let metrics = &given.scope_metrics[0].metrics;
        let Some(Data::Histogram(took)) = &metrics[0].data else {
            panic!("a histogram: {:?}", metrics[0]);
        };
        let took = &took.data_points[0];
        assert_eq!(took.explicit_bounds, [1.0, 2.0]);
        assert_eq!(took.bucket_counts, [2, 1, 1]);
        assert_eq!((took.count, took.sum), (4, Some(11.7)));
        let Some(Data::Sum(tries)) = &metrics[1].data else {
            panic!("a counter: {:?}", metrics[1]);
        };
        assert!(tries.is_monotonic);
        let point = &tries.data_points[0];
        assert_eq!(point.value, Some(Number::AsDouble(3.0)));
        assert_eq!(point.start_time_unix_nano, 1_000 * NANOSECONDS);
        assert_eq!(point.time_unix_nano, 1_060 * NANOSECONDS);
        assert_eq!(point.attributes[0].key, "outcome");
    }
}
