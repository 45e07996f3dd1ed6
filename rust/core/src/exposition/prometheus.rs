//! Prometheus' text format 0.0.4: families of samples, each with its help and its type.

use super::counters::{of_class, of_device, of_figures, Counter};
use super::Snapshot;
use crate::scheduling::histogram::Histogram;
use crate::scheduling::{ClassFigures, RequestClass};
use std::fmt::{self, Display, Write};

/// What an HTTP server says the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the duration buckets, in nanoseconds: 1 us, 2 us, 4 us ... 16.777216 s. Steps
/// of our histogram begin there, so the counts are exact, but for a value of exactly a bound: it is
/// counted one bucket later.
const DURATION_BOUNDS_NS: [u64; 25] = powers_of_two(1_000);

/// The largest size in each bucket of batch sizes: 1, 2, 4 ... 64. Exact.
const SIZE_BOUNDS: [u64; 7] = powers_of_two(1);

/// What is shown beside the buckets, whose bounds lie far apart.
const PERCENTILES: [(f64, &str); 3] = [(0.5, "50"), (0.99, "99"), (0.999, "99.9")];

const fn powers_of_two<const N: usize>(first: u64) -> [u64; N] {
    let mut bounds = [first; N];
    let mut k = 1;
    while k < N {
        bounds[k] = bounds[k - 1] * 2;
        k += 1;
    }
    bounds
}

/// A histogram of each class: its name, that of its percentiles, help, and which it is.
type ClassHistogram = (
    &'static str,
    &'static str,
    &'static str,
    fn(&ClassFigures) -> &Histogram,
);

const CLASS_HISTOGRAMS: [ClassHistogram; 2] = [
    (
        "gpuio_request_wait_seconds",
        "gpuio_request_wait_percentile_seconds",
        "From a request's turn in its stream to its first slice",
        |class| &class.wait_ns,
    ),
    (
        "gpuio_request_service_seconds",
        "gpuio_request_service_percentile_seconds",
        "From a request's first slice to its end",
        |class| &class.service_ns,
    ),
];

pub(super) fn render(snapshot: &Snapshot) -> String {
    let mut text = Text(String::with_capacity(48 << 10));
    text.family("gpuio_build_info", "gauge", "The version; the value is 1.");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    text.sample("gpuio_build_info", &version, 1);
    classes(&mut text, snapshot);
    text.counters(of_figures(&snapshot.figures));
    let name = "gpuio_dispatch_batch_slices";
    text.family(name, "histogram", "Slices handed to an engine at a time.");
    let sizes = &snapshot.figures.batch_sizes;
    let counts = sizes.below(&SIZE_BOUNDS.map(|size| size + 1));
    text.histogram(
        name,
        &[],
        SIZE_BOUNDS.iter().zip(counts),
        sizes,
        sizes.sum(),
    );
    devices(&mut text, snapshot);
    text.counters(snapshot.l1.rows());
    text.counters(snapshot.l2.rows());
    text.counters(snapshot.service.rows());
    text.counters(snapshot.engines.iter().flat_map(|engines| engines.rows()));
    text.0
}

fn classes(text: &mut Text, snapshot: &Snapshot) {
    let all = RequestClass::ALL.map(|class| (class.name(), snapshot.figures.class(class)));
    let rows = all.map(|(name, class)| ([("class", name)], of_class(class)));
    text.rows(
        "counter",
        rows.iter().map(|(labels, rows)| (&labels[..], &rows[..])),
    );
    for (name, percentiles, help, select) in CLASS_HISTOGRAMS {
        text.family(name, "histogram", &format!("{help}, in buckets."));
        for (class, figures) in all {
            let histogram = select(figures);
            let counts = histogram.below(&DURATION_BOUNDS_NS);
            let bounds = DURATION_BOUNDS_NS.map(Seconds);
            let buckets = bounds.iter().zip(counts);
            text.histogram(
                name,
                &[("class", class)],
                buckets,
                histogram,
                Seconds(histogram.sum()),
            );
        }
        text.family(
            percentiles,
            "gauge",
            &format!("{help}, since the start; none if there is none."),
        );
        for (class, figures) in all {
            let histogram = select(figures);
            if histogram.count() == 0 {
                continue;
            }
            for (quantile, label) in PERCENTILES {
                let labels = [("class", class), ("percentile", label)];
                text.sample(percentiles, &labels, Seconds(histogram.quantile(quantile)));
            }
        }
    }
}

fn devices(text: &mut Text, snapshot: &Snapshot) {
    let ids: Vec<String> = snapshot
        .devices
        .iter()
        .map(|it| it.id.to_string())
        .collect();
    let devices = snapshot.devices.iter().zip(&ids);
    let rows: Vec<_> = devices
        .map(|(it, id)| ([("device", it.name.as_str()), ("id", id)], of_device(it)))
        .collect();
    text.rows(
        "gauge",
        rows.iter().map(|(labels, rows)| (&labels[..], &rows[..])),
    );
}

/// Nanoseconds, shown as seconds with all digits that matter.
#[derive(Clone, Copy)]
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        out.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

type Labels<'a> = &'a [(&'a str, &'a str)];

/// The text so far. Writing to a `String` does not fail.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (k, (label, text)) in labels.iter().enumerate() {
            self.0.push(if k == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// Counters without labels, a family each.
    fn counters(&mut self, rows: impl IntoIterator<Item = Counter>) {
        for row in rows {
            self.family(row.metric, "counter", row.help);
            self.sample(row.metric, &[], row.value);
        }
    }

    /// Several of the same list, each with labels: a family for each row of the list.
    fn rows<'a>(
        &mut self,
        kind: &str,
        lists: impl Iterator<Item = (Labels<'a>, &'a [Counter])> + Clone,
    ) {
        let Some((_, first)) = lists.clone().next() else {
            return;
        };
        for (k, row) in first.iter().enumerate() {
            self.family(row.metric, kind, row.help);
            for (labels, list) in lists.clone() {
                self.sample(row.metric, labels, list[k].value);
            }
        }
    }

    fn histogram<B: Display>(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        buckets: impl Iterator<Item = (B, u64)>,
        histogram: &Histogram,
        sum: impl Display,
    ) {
        let bucket_name = format!("{name}_bucket");
        let mut bucket = |bound: &str, count: u64| {
            let labels = [labels, &[("le", bound)]].concat();
            self.sample(&bucket_name, &labels, count);
        };
        buckets.for_each(|(bound, count)| bucket(&bound.to_string(), count));
        bucket("+Inf", histogram.count());
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, histogram.count());
    }
}

/// A label's value as it stands between quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out
}
