//! The two texts of live figures, read back by readers of their own.

#[path = "exposition/reader.rs"]
mod reader;

use gpuio_core::exposition::{DeviceSnapshot, EngineCounters, Snapshot};
use gpuio_core::scheduling::histogram::MAX_VALUE;
use gpuio_core::scheduling::{
    DeviceId, DeviceLimits, EngineKind, RegionId, Request, RequestClass, RequestKind, Scheduler,
    SchedulerOptions, SchedulerPolicy, StreamId,
};
use proptest::prelude::*;
use reader::{read, Sample};

fn durations() -> impl Strategy<Value = Vec<u64>> {
    let value = (0u32..44).prop_flat_map(|bits| 0..(2u64 << bits).min(MAX_VALUE));
    prop::collection::vec(value, 0..40)
}

fn device() -> impl Strategy<Value = DeviceSnapshot> {
    let text = prop_oneof![".{0,20}", "[\\\\\"\n\t{},= é]{0,12}"];
    (text, any::<[u32; 6]>()).prop_map(|(name, numbers)| {
        let [waiting, in_flight, depth, bulk_depth, slice_bytes, batch_count] =
            numbers.map(u64::from);
        DeviceSnapshot {
            id: 0,
            name,
            waiting,
            in_flight,
            depth,
            bulk_depth,
            slice_bytes,
            batch_count,
        }
    })
}

/// Counts below 2^53, so that a reader who knows only doubles has them exactly.
fn snapshots() -> impl Strategy<Value = Snapshot> {
    let class = (
        durations(),
        durations(),
        prop::array::uniform8(0u64..1 << 53),
    );
    let classes = prop::collection::vec(class, 6);
    let devices = prop::collection::vec(device(), 0..4);
    (
        classes,
        devices,
        durations(),
        prop::array::uniform10(0u64..1 << 53),
    )
        .prop_map(|(classes, devices, sizes, numbers)| {
            let mut snapshot = Snapshot::default();
            for (class, (waits, services, counts)) in RequestClass::ALL.into_iter().zip(classes) {
                let figures = snapshot.figures.class_mut(class);
                waits.iter().for_each(|ns| figures.wait_ns.record(*ns));
                services
                    .iter()
                    .for_each(|ns| figures.service_ns.record(*ns));
                [
                    figures.submitted,
                    figures.completed,
                    figures.failed,
                    figures.cancelled,
                    figures.deadline_misses,
                    figures.refused,
                    figures.shed,
                    figures.aged,
                ] = counts;
            }
            let sizes = sizes.iter().map(|size| size % 200);
            sizes.for_each(|size| snapshot.figures.batch_sizes.record(size));
            snapshot.devices = devices;
            for (id, device) in (0..).zip(&mut snapshot.devices) {
                device.id = id;
            }
            [
                snapshot.figures.slices,
                snapshot.figures.steals,
                snapshot.l1.hits,
                snapshot.l1.filled_bytes,
                snapshot.l2.hits,
                snapshot.l2.evictions,
                snapshot.service.faults,
                snapshot.service.filled_pages,
                snapshot.figures.retries,
                snapshot.figures.bytes,
            ] = numbers;
            let engines = EngineCounters {
                transfers: numbers[0],
                ..EngineCounters::default()
            };
            snapshot.engines = (numbers[0] % 2 == 0).then_some(engines);
            snapshot
        })
}

fn value<'a>(samples: &'a [Sample], name: &str, labels: &[(&str, &str)]) -> Option<&'a Sample> {
    let fits = |it: &&Sample| {
        it.name == name
            && labels
                .iter()
                .all(|(label, text)| it.label(label) == Some(text))
    };
    samples.iter().find(fits)
}

proptest! {
    #[test]
    fn the_text_is_what_prometheus_reads(snapshot in snapshots()) {
        let text = snapshot.prometheus();
        let samples = read(&text).map_err(TestCaseError::fail)?;
        let is = |name: &str, labels: &[(&str, &str)], wanted: u64| {
            let found = value(&samples, name, labels).map(|it| it.value);
            prop_assert_eq!(found, Some(wanted as f64), "{} {:?}", name, labels);
            Ok(())
        };
        is("gpuio_l1_hits_total", &[], snapshot.l1.hits)?;
        is("gpuio_l2_evictions_total", &[], snapshot.l2.evictions)?;
        is("gpuio_service_filled_pages_total", &[], snapshot.service.filled_pages)?;
        is("gpuio_request_steals_total", &[], snapshot.figures.steals)?;
        is("gpuio_dispatch_batch_slices_count", &[], snapshot.figures.batch_sizes.count())?;
        is("gpuio_dispatch_batch_slices_sum", &[], snapshot.figures.batch_sizes.sum())?;
        for class in RequestClass::ALL {
            let (figures, labels) = (snapshot.figures.class(class), [("class", class.name())]);
            is("gpuio_requests_submitted_total", &labels, figures.submitted)?;
            is("gpuio_requests_aged_total", &labels, figures.aged)?;
            is("gpuio_request_wait_seconds_count", &labels, figures.wait_ns.count())?;
            is("gpuio_request_service_seconds_count", &labels, figures.service_ns.count())?;
            let slow = [labels[0], ("percentile", "99.9")];
            let slow = value(&samples, "gpuio_request_wait_percentile_seconds", &slow);
            let seconds = figures.wait_ns.quantile(0.999) as f64 / 1e9;
            let wanted = (figures.wait_ns.count() > 0).then_some(seconds);
            prop_assert_eq!(slow.map(|it| it.value), wanted);
        }
        for device in &snapshot.devices {
            let id = device.id.to_string();
            let labels = [("device", device.name.as_str()), ("id", &id)];
            is("gpuio_device_waiting_requests", &labels, device.waiting)?;
            is("gpuio_device_batch_slices", &labels, device.batch_count)?;
        }
        let engines = value(&samples, "gpuio_engine_transfers_total", &[]);
        prop_assert_eq!(engines.is_some(), snapshot.engines.is_some());
    }

    #[test]
    fn the_json_is_what_a_json_reader_reads(snapshot in snapshots()) {
        let text = snapshot.json();
        prop_assert!(!text.contains('\n'));
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for class in RequestClass::ALL {
            let (figures, found) = (snapshot.figures.class(class), &json["classes"][class.name()]);
            prop_assert_eq!(&found["deadline_misses"], figures.deadline_misses);
            prop_assert_eq!(&found["wait_ns"]["count"], figures.wait_ns.count());
            prop_assert_eq!(&found["wait_ns"]["p99"], figures.wait_ns.quantile(0.99));
            prop_assert_eq!(&found["service_ns"]["max"], figures.service_ns.max());
            let mean = found["wait_ns"]["mean"].as_f64().expect("a number");
            prop_assert!((mean - figures.wait_ns.mean()).abs() <= 0.1);
        }
        for (device, found) in snapshot.devices.iter().zip(json["devices"].as_array().unwrap()) {
            prop_assert_eq!(&found["name"], &device.name);
            prop_assert_eq!(&found["slice_bytes"], device.slice_bytes);
        }
        prop_assert_eq!(json["devices"].as_array().unwrap().len(), snapshot.devices.len());
        prop_assert_eq!(&json["l2"]["hits"], snapshot.l2.hits);
        prop_assert_eq!(&json["scheduler"]["retries"], snapshot.figures.retries);
        prop_assert_eq!(json.get("engines").is_some(), snapshot.engines.is_some());
    }
}

#[test]
fn a_device_of_a_scheduler_shows_its_queue_and_its_limits() {
    let limits = DeviceLimits {
        depth: 2,
        bulk_depth: 1,
        slice_bytes: 4096,
        batch_count: 1,
    };
    let options = SchedulerOptions {
        policy: SchedulerPolicy::Fifo,
        devices: vec![DeviceLimits::default(), limits],
        adapts_limits: false,
        ..SchedulerOptions::default()
    };
    let mut scheduler = Scheduler::new(options).unwrap();
    let request = Request {
        kind: RequestKind::Read,
        engine: EngineKind::Localio,
        device: DeviceId(1),
        src: RegionId(1),
        dst: RegionId(2),
        src_offset: 0,
        dst_offset: 0,
        length_bytes: 512,
        stream: StreamId::NONE,
        class: RequestClass::TrainingFw,
        qos: None,
        user_data: 0,
    };
    for _ in 0..5 {
        scheduler.submit(request, 0).unwrap();
    }
    let mut slices = Vec::new();
    while let Some(device) = scheduler.next_device() {
        scheduler.dispatch(device, 0, &mut slices);
    }
    let device = DeviceSnapshot::of(&scheduler, DeviceId(1), "a disk".into());
    assert_eq!((device.id, device.name.as_str()), (1, "a disk"));
    assert_eq!((device.waiting, device.in_flight), (3, 2));
    assert_eq!((device.depth, device.bulk_depth), (2, 1));
    assert_eq!((device.slice_bytes, device.batch_count), (4096, 1));
    let snapshot = Snapshot {
        figures: scheduler.figures().clone(),
        devices: vec![device],
        ..Snapshot::default()
    };
    let samples = read(&snapshot.prometheus()).unwrap();
    let labels = [("class", "TRAINING_FW")];
    let submitted = value(&samples, "gpuio_requests_submitted_total", &labels);
    assert_eq!(submitted.map(|it| it.value), Some(5.0));
}

/// One class, one value: 1.5 us. And a device whose name is all that has to be escaped.
fn small() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let class = snapshot.figures.class_mut(RequestClass::InferenceRealtime);
    class.wait_ns.record(1_500);
    snapshot.devices.push(DeviceSnapshot {
        name: "a\"b\\c\nd".into(),
        ..DeviceSnapshot::default()
    });
    snapshot
}

#[test]
fn the_text_looks_as_documented() {
    let text = small().prometheus();
    for line in [
        "# TYPE gpuio_request_wait_seconds histogram",
        "gpuio_request_wait_seconds_bucket{class=\"INFERENCE_REALTIME\",le=\"0.000001\"} 0",
        "gpuio_request_wait_seconds_bucket{class=\"INFERENCE_REALTIME\",le=\"0.000002\"} 1",
        "gpuio_request_wait_seconds_bucket{class=\"INFERENCE_REALTIME\",le=\"16.777216\"} 1",
        "gpuio_request_wait_seconds_bucket{class=\"INFERENCE_REALTIME\",le=\"+Inf\"} 1",
        "gpuio_request_wait_seconds_sum{class=\"INFERENCE_REALTIME\"} 0.0000015",
        "gpuio_request_wait_seconds_count{class=\"INFERENCE_REALTIME\"} 1",
        "gpuio_device_waiting_requests{device=\"a\\\"b\\\\c\\nd\",id=\"0\"} 0",
        "gpuio_l1_misses_total 0",
    ] {
        assert!(text.lines().any(|it| it == line), "no line {line}");
    }
}

/// What goes wrong, where it is planted, and what then stands there.
const PLANTED: [(&str, &str, &str); 13] = [
    (
        "a count not cumulated",
        "le=\"16.777216\"} 1",
        "le=\"16.777216\"} 0",
    ),
    ("+Inf unlike the count", "le=\"+Inf\"} 1", "le=\"+Inf\"} 2"),
    ("bounds out of order", "le=\"0.000004\"", "le=\"0.000001\""),
    ("a sum in milliseconds", "} 0.0000015\n", "} 0.0015\n"),
    ("a quote not escaped", "a\\\"b", "a\"b"),
    ("a line break not escaped", "c\\nd", "c\nd"),
    ("a backslash not escaped", "b\\\\c", "b\\c"),
    ("no _total", "gpuio_l1_misses_total", "gpuio_l1_misses"),
    ("no type", "# TYPE gpuio_l1_misses_total counter\n", ""),
    ("no help", "# HELP gpuio_l1_misses_total ", "# HELP "),
    (
        "a series twice",
        "class=\"TRAINING_FW\"",
        "class=\"TRAINING_BW\"",
    ),
    (
        "no value",
        "gpuio_l1_misses_total 0",
        "gpuio_l1_misses_total NaN",
    ),
    (
        "a family twice",
        "gpuio_l2_misses_total",
        "gpuio_l1_misses_total",
    ),
];

/// What is planted here, the reader finds: it would find it in the renderer's text as well.
#[test]
fn planted_faults_of_the_text_are_found() {
    let good = small().prometheus();
    assert_eq!(read(&good).map(|_| ()), Ok(()));
    for (what, from, to) in PLANTED {
        assert!(good.contains(from), "{what}: nothing to plant it in");
        let found = read(&good.replace(from, to));
        assert!(found.is_err(), "{what} was not found");
    }
}

#[test]
fn every_metric_stands_in_the_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/figures.md");
    let document = std::fs::read_to_string(path).expect("docs/figures.md");
    let mut snapshot = small();
    snapshot.engines = Some(EngineCounters::default());
    let text = snapshot.prometheus();
    let mut known = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        let row = document
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` | {kind} |")));
        assert!(
            row.is_some(),
            "docs/figures.md has no row for {name}, a {kind}"
        );
        known += 1;
    }
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| `gpuio_"))
        .count();
    assert_eq!(
        rows, known,
        "docs/figures.md has rows of metrics that there are not"
    );
}
