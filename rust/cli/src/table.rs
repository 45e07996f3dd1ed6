//! The figures as a table for a terminal of 120 columns.

use crate::figures::FiguresOf;
use crate::quantity::{bytes, duration};
use gpuio_core::config::StatsEndpoint;
use gpuio_core::scheduling::RequestClass;
use std::fmt::Write;
use std::time::Duration;

/// Longest name of a device that is shown whole.
const NAME_COLUMNS: usize = 50;

/// An earlier look, and how long ago that was: where rates come from.
pub type Before<'a> = Option<(&'a FiguresOf, Duration)>;

/// The table, each line with its end. Writing to a `String` does not fail.
pub fn render(at: &StatsEndpoint, now: &FiguresOf, before: Before<'_>) -> String {
    let mut text = format!("gpuio {} at {at}\n\n", printable(now.version()));
    classes(&mut text, now, before);
    devices(&mut text, now);
    caches(&mut text, now, before);
    text
}

fn classes(text: &mut String, now: &FiguresOf, before: Before<'_>) {
    let _ = writeln!(
        text,
        "{:<19}{:>8}{:>12}  {:<23}  {:<23}{:>8}{:>8}{:>8}",
        "class",
        "new/s",
        "completed",
        "wait p50, p99, p99.9",
        "service p50, p99, p99.9",
        "missed",
        "refused",
        "shed"
    );
    for class in RequestClass::ALL.map(RequestClass::name) {
        let count = |key: &str| now.count(&["classes", class, key]);
        let submitted = ["classes", class, "submitted"];
        let _ = writeln!(
            text,
            "{class:<19}{:>8}{:>12}  {:<23}  {:<23}{:>8}{:>8}{:>8}",
            rate(now, before, &submitted),
            count("completed"),
            quantiles(now, class, "wait_ns"),
            quantiles(now, class, "service_ns"),
            count("deadline_misses"),
            count("refused"),
            count("shed")
        );
    }
    let of = |key: &str| now.count(&["scheduler", key]);
    let batches = |key: &str| now.count(&["scheduler", "batch_slices", key]);
    let _ =
        writeln!(
        text,
        "\nslices {}, {} moved; batches p50 {}, p99 {}, most {}; {} retried, {} short, {} stolen",
        of("slices"), bytes(of("bytes")), batches("p50"), batches("p99"), batches("max"),
        of("retries"), of("short_transfers"), of("steals")
    );
}

fn quantiles(now: &FiguresOf, class: &str, histogram: &str) -> String {
    let of = |key| now.count(&["classes", class, histogram, key]);
    if of("count") == 0 {
        return "-".into();
    }
    let all = ["p50", "p99", "p999"].map(|key| duration(of(key)));
    format!("{:<7} {:<7} {:<7}", all[0], all[1], all[2])
}

fn devices(text: &mut String, now: &FiguresOf) {
    for (k, device) in now.devices().enumerate() {
        if k == 0 {
            let _ = writeln!(
                text,
                "\n{:<NAME_COLUMNS$}{:>9}{:>10}{:>7}{:>7}{:>10}{:>7}",
                "device", "waiting", "in flight", "depth", "bulk", "slice", "batch"
            );
        }
        let count = |key: &str| device[key].as_u64().unwrap_or(0);
        let name = printable(device["name"].as_str().unwrap_or_default());
        let _ = writeln!(
            text,
            "{:<NAME_COLUMNS$}{:>9}{:>10}{:>7}{:>7}{:>10}{:>7}",
            shortened(&name),
            count("waiting"),
            count("in_flight"),
            count("depth"),
            count("bulk_depth"),
            bytes(count("slice_bytes")),
            count("batch_count")
        );
    }
}

fn caches(text: &mut String, now: &FiguresOf, before: Before<'_>) {
    let l1 = |key: &str| now.count(&["l1", key]);
    let l2 = |key: &str| now.count(&["l2", key]);
    let service = |key: &str| now.count(&["service", key]);
    // Hits of L1 are counted only where the program asked for it.
    let l1_hits = match l1("hits") {
        0 => "hits not counted".into(),
        hits => hit_rate(hits, l1("misses")),
    };
    let _ = writeln!(
        text,
        "\nL1  {l1_hits}; {} misses, {} joined, {} evicted, {} written back, {} filled",
        l1("misses"),
        l1("joined"),
        l1("evictions"),
        l1("write_backs"),
        bytes(l1("filled_bytes"))
    );
    let _ = writeln!(
        text,
        "L2  {}; {} misses, {} evicted",
        hit_rate(l2("hits"), l2("misses")),
        l2("misses"),
        l2("evictions")
    );
    let _ = writeln!(
        text,
        "service  {} faults ({}/s), {} pages read ahead, {} filled by engines",
        service("faults"),
        rate(now, before, &["service", "faults"]),
        service("read_ahead_pages"),
        service("filled_pages")
    );
}

fn hit_rate(hits: u64, misses: u64) -> String {
    match hits.saturating_add(misses) {
        0 => "no accesses".into(),
        all => format!("{:.1} % of {all} hit", 100.0 * hits as f64 / all as f64),
    }
}

/// How often a second since the look before; `-` without one, or if the program began anew.
fn rate(now: &FiguresOf, before: Before<'_>, keys: &[&str]) -> String {
    let change = before.and_then(|(figures, ago)| {
        let new = now.count(keys).checked_sub(figures.count(keys))?;
        (!ago.is_zero()).then(|| new as f64 / ago.as_secs_f64())
    });
    change.map_or_else(|| "-".into(), |rate| format!("{rate:.0}"))
}

/// Nothing that a terminal would obey.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(shown).collect()
}

/// The end of a long name: that is where names of files differ.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count < NAME_COLUMNS {
        return name.into();
    }
    let end = name.chars().skip(count + 4 - NAME_COLUMNS);
    "...".chars().chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpuio_core::exposition::{DeviceSnapshot, Snapshot};

    fn look(change: impl FnOnce(&mut Snapshot)) -> FiguresOf {
        let mut snapshot = Snapshot::default();
        change(&mut snapshot);
        FiguresOf::read(&snapshot.json(), &StatsEndpoint::Off).unwrap()
    }

    fn line<'a>(text: &'a str, begin: &str) -> &'a str {
        let found = text.lines().find(|line| line.starts_with(begin));
        found.unwrap_or_else(|| panic!("no line {begin} in\n{text}"))
    }

    #[test]
    fn the_table_shows_what_was_counted() {
        let first = look(|it| {
            it.figures.class_mut(RequestClass::TrainingFw).submitted = 10;
        });
        let second = look(|it| {
            let class = it.figures.class_mut(RequestClass::TrainingFw);
            (class.submitted, class.completed, class.deadline_misses) = (510, 500, 3);
            (class.refused, class.shed) = (4, 5);
            (0..1000).for_each(|k| class.wait_ns.record(if k < 995 { 63 } else { 2_500_000 }));
            (it.l2.hits, it.l2.misses) = (965, 35);
            it.service.faults = 7;
            it.devices.push(DeviceSnapshot {
                name: format!("localio:///a{}\u{1b}[2J/end", "b".repeat(60)),
                waiting: 12,
                slice_bytes: 256 << 10,
                ..DeviceSnapshot::default()
            });
        });
        let text = render(
            &StatsEndpoint::Off,
            &second,
            Some((&first, Duration::from_secs(2))),
        );
        let words: Vec<&str> = line(&text, "TRAINING_FW").split_whitespace().collect();
        // 2.5 ms is rounded up to the end of its step, as quantiles are.
        assert_eq!(words[1..6], ["250", "500", "63ns", "63ns", "2.50ms"]);
        assert_eq!(words[6..], ["-", "3", "4", "5"]);
        assert!(line(&text, "L1").contains("hits not counted"));
        assert!(line(&text, "L2").contains("96.5 % of 1000 hit"));
        assert!(line(&text, "service").contains("7 faults (4/s)"));
        let device = line(&text, "...b");
        assert!(
            device.contains("b?[2J/end") && device.contains("256KiB"),
            "{device}"
        );
        assert!(!text.contains('\u{1b}'));
        assert!(
            text.lines().all(|line| line.chars().count() <= 120),
            "{text}"
        );
        let alone = render(&StatsEndpoint::Off, &first, None);
        assert_eq!(
            line(&alone, "TRAINING_FW").split_whitespace().nth(1),
            Some("-")
        );
        assert!(!alone.contains("device"));
    }

    #[test]
    fn a_program_that_began_anew_has_no_rate() {
        let (old, new) = (look(|it| it.service.faults = 9), look(|_| {}));
        let text = render(
            &StatsEndpoint::Off,
            &new,
            Some((&old, Duration::from_secs(1))),
        );
        assert!(line(&text, "service").contains("(-/s)"));
    }
}
