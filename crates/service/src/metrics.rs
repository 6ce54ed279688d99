//! Numbers for `/metrics`. No label names a tenant, a person or a key.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sextant_core::code::Code;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByClass {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    code: &'static str,
}

const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counters. Those on the hot path are held directly, so that counting is one addition.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answers: Vec<Counter>,
    duration: Histogram,
    refusals: Family<ByCode, Counter>,
    fence: Histogram,
    usage_batches: Counter,
    rekeyed: Counter,
    keys: Gauge,
    change: Gauge,
    connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sextant");
        let answers: Family<ByClass, Counter> = Family::default();
        registry.register("http_answers", "Answers by class of status", answers.clone());
        let duration = Histogram::new([0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0]);
        registry.register_with_unit("http_answer", "From request to answer", Unit::Seconds, duration.clone());
        let refusals: Family<ByCode, Counter> = Family::default();
        registry.register("refusals", "Requests that were refused, by code", refusals.clone());
        let fence = Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0]);
        registry.register_with_unit(
            "fence",
            "From a change to its being in force everywhere",
            Unit::Seconds,
            fence.clone(),
        );
        let usage_batches = Counter::default();
        registry.register("usage_batches", "Batches of key usage written down", usage_batches.clone());
        let rekeyed = Counter::default();
        registry.register(
            "rekeyed_keys",
            "Keys that were used under a former pepper and got a verifier under the current one",
            rekeyed.clone(),
        );
        let keys = Gauge::default();
        registry.register("keys", "Keys in memory", keys.clone());
        let change = Gauge::default();
        registry.register("change_number", "The last change that is applied", change.clone());
        let connections = Gauge::default();
        registry.register("connections", "Open client connections", connections.clone());
        let answers = CLASSES.iter().map(|class| answers.get_or_create_owned(&ByClass { class })).collect();
        Self {
            registry,
            answers,
            duration,
            refusals,
            fence,
            usage_batches,
            rekeyed,
            keys,
            change,
            connections,
        }
    }
}

impl Metrics {
    /// Counts an answer.
    pub fn answer(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100);
        self.answers[if class < self.answers.len() { class } else { 0 }].inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a refusal.
    pub fn refusal(&self, code: Code) {
        self.refusals.get_or_create(&ByCode { code: code.name() }).inc();
    }

    /// A client came or went.
    pub fn connection(&self, open: bool) {
        if open {
            self.connections.inc();
        } else {
            self.connections.dec();
        }
    }

    /// How many clients there are.
    pub fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    pub(crate) fn fence(&self, took: Duration) {
        self.fence.observe(took.as_secs_f64());
    }

    pub(crate) fn usage_batch(&self) {
        self.usage_batches.inc();
    }

    pub(crate) fn rekeyed(&self, keys: u64) {
        self.rekeyed.inc_by(keys);
    }

    /// The text that Prometheus reads.
    pub(crate) fn render(&self, keys: usize, change: i64) -> String {
        self.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
        self.change.set(change);
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        text
    }
}

impl crate::Sextant {
    /// The text that Prometheus reads.
    pub fn metrics_text(&self) -> String {
        self.metrics.render(self.ring.len(), self.ring.applied())
    }
}
