//! Reads Prometheus' text format on its own, strictly: what it does not know is an error.

use std::collections::{BTreeMap, HashSet};

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

impl Sample {
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Name and labels, without the bucket's bound.
    fn series(&self, name: &str) -> String {
        let labels = self.labels.iter().filter(|(label, _)| label != "le");
        format!("{name} {:?}", labels.collect::<Vec<_>>())
    }
}

/// The samples of a text in which everything is as it has to be.
pub fn read(text: &str) -> Result<Vec<Sample>, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut samples = Vec::new();
    let mut families: BTreeMap<String, String> = BTreeMap::new();
    let mut family = (String::new(), String::new());
    let mut helped = String::new();
    let mut seen = HashSet::new();
    for line in text.lines() {
        let fault = |what: &str| format!("{what}: {line}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or_else(|| fault("no help"))?;
            if help.is_empty() || families.contains_key(name) {
                return Err(fault("no help, or a family's second"));
            }
            helped = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| fault("no type"))?;
            if name != helped || families.insert(name.into(), kind.into()).is_some() {
                return Err(fault("a type without help before it, or a second one"));
            }
            let legal = match kind {
                "counter" => name.ends_with("_total"),
                "gauge" | "histogram" => !name.ends_with("_total"),
                _ => false,
            };
            if !legal {
                return Err(fault("the type and the name do not go together"));
            }
            family = (name.into(), kind.into());
        } else {
            let sample = sample(line).ok_or_else(|| fault("not a sample"))?;
            if !belongs(&sample, &family.0, &family.1) {
                return Err(fault("a sample of no family, or of another one"));
            }
            if !seen.insert(format!("{} {:?}", sample.name, sample.labels)) {
                return Err(fault("a series twice"));
            }
            samples.push(sample);
        }
    }
    for (name, _) in families.iter().filter(|(_, kind)| *kind == "histogram") {
        histograms(name, &samples)?;
    }
    Ok(samples)
}

fn belongs(sample: &Sample, family: &str, kind: &str) -> bool {
    let Some(suffix) = sample.name.strip_prefix(family) else {
        return false;
    };
    match kind {
        "histogram" => match suffix {
            "_bucket" => sample.label("le").is_some(),
            "_sum" | "_count" => sample.label("le").is_none(),
            _ => false,
        },
        _ => suffix.is_empty(),
    }
}

fn sample(line: &str) -> Option<Sample> {
    let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (name, mut rest) = line.split_at(name_end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let is_name = !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase());
            let (value, after) = quoted(after)?;
            if !is_name {
                return None;
            }
            labels.push((label.to_owned(), value));
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    rest = after.strip_prefix('}')?;
                    break;
                }
            }
        }
    }
    let text = rest.strip_prefix(' ')?;
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = text.parse().ok().filter(|_| plain)?;
    let name = name.to_owned();
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// What stands up to the closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}

/// Buckets ascend and never fall; the last is everything; the sum is one that such values can have.
fn histograms(name: &str, samples: &[Sample]) -> Result<(), String> {
    let of = |suffix: &str| format!("{name}{suffix}");
    let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for it in samples.iter().filter(|it| it.name == of("_bucket")) {
        let bound = match it.label("le").unwrap_or_default() {
            "+Inf" => f64::INFINITY,
            text => text.parse().map_err(|_| format!("{name}: bound {text}"))?,
        };
        let list = buckets.entry(it.series(name)).or_default();
        list.push((bound, it.value));
    }
    for (series, list) in &buckets {
        let one = |suffix: &str| {
            let mut all = samples.iter().filter(|it| it.name == of(suffix));
            let found = all.find(|it| it.series(name) == *series);
            found
                .map(|it| it.value)
                .ok_or(format!("{series} lacks {suffix}"))
        };
        let (sum, count) = (one("_sum")?, one("_count")?);
        let ascend = list
            .windows(2)
            .all(|it| it[0].0 < it[1].0 && it[0].1 <= it[1].1);
        if !ascend || list.last() != Some(&(f64::INFINITY, count)) {
            return Err(format!("{series}: {list:?} do not ascend to {count}"));
        }
        let (mut least, mut most, mut last) = (0.0, 0.0, (0.0, 0.0));
        for (bound, seen) in list {
            let here = seen - last.1;
            least += here * last.0;
            most += if here > 0.0 { here * bound } else { 0.0 };
            last = (*bound, *seen);
        }
        let slack = 1e-9 * sum.max(1.0);
        if sum < least - slack || sum > most + slack {
            return Err(format!("{series}: {sum} is not from {least} to {most}"));
        }
    }
    Ok(())
}
