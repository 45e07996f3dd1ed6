//! The figures as JSON: one object on one line.

use super::counters::{of_class, of_device, of_figures, Counter};
use super::Snapshot;
use crate::scheduling::histogram::Histogram;
use crate::scheduling::RequestClass;
use std::fmt::{Display, Write};

pub(super) fn render(snapshot: &Snapshot) -> String {
    let mut json = Json(String::with_capacity(8 << 10));
    json.object(None, |json| {
        json.text("version", env!("CARGO_PKG_VERSION"));
        json.object(Some("classes"), |json| {
            for class in RequestClass::ALL {
                let figures = snapshot.figures.class(class);
                json.object(Some(class.name()), |json| {
                    json.counters(&of_class(figures));
                    json.histogram("wait_ns", &figures.wait_ns);
                    json.histogram("service_ns", &figures.service_ns);
                });
            }
        });
        json.object(Some("scheduler"), |json| {
            json.counters(&of_figures(&snapshot.figures));
            json.histogram("batch_slices", &snapshot.figures.batch_sizes);
        });
        json.nested(Some("devices"), ['[', ']'], |json| {
            for device in &snapshot.devices {
                json.object(None, |json| {
                    json.number("id", device.id);
                    json.text("name", &device.name);
                    json.counters(&of_device(device));
                });
            }
        });
        json.object(Some("l1"), |json| json.counters(&snapshot.l1.rows()));
        json.object(Some("l2"), |json| json.counters(&snapshot.l2.rows()));
        json.object(Some("service"), |json| {
            json.counters(&snapshot.service.rows())
        });
        if let Some(engines) = &snapshot.engines {
            json.object(Some("engines"), |json| json.counters(&engines.rows()));
        }
    });
    json.0
}

/// The text so far. Writing to a `String` does not fail.
struct Json(String);

impl Json {
    /// What stands before a value: a comma unless it is the first, and its key.
    fn begin(&mut self, key: Option<&str>) {
        if !matches!(self.0.chars().next_back(), None | Some('{' | '[')) {
            self.0.push(',');
        }
        if let Some(key) = key {
            self.quoted(key);
            self.0.push(':');
        }
    }

    fn nested(
        &mut self,
        key: Option<&str>,
        [open, close]: [char; 2],
        fill: impl FnOnce(&mut Self),
    ) {
        self.begin(key);
        self.0.push(open);
        fill(self);
        self.0.push(close);
    }

    fn object(&mut self, key: Option<&str>, fill: impl FnOnce(&mut Self)) {
        self.nested(key, ['{', '}'], fill);
    }

    fn number(&mut self, key: &str, value: impl Display) {
        self.begin(Some(key));
        let _ = write!(self.0, "{value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.begin(Some(key));
        self.quoted(value);
    }

    fn counters(&mut self, rows: &[Counter]) {
        rows.iter().for_each(|row| self.number(row.key, row.value));
    }

    fn histogram(&mut self, key: &str, histogram: &Histogram) {
        self.object(Some(key), |json| {
            json.number("count", histogram.count());
            json.number("mean", format_args!("{:.1}", histogram.mean()));
            for (key, quantile) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
                json.number(key, histogram.quantile(quantile));
            }
            json.number("max", histogram.max());
        });
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                c if c < ' ' => {
                    let _ = write!(self.0, "\\u{:04x}", c as u32);
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }
}
