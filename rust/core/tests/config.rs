//! Configuration: precedence, every key from every place, and errors that name the place.

use gpuio_core::config::*;
use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_core::{Error, ErrorCode};
use proptest::prelude::*;

fn environment(pairs: &[(&str, &str)]) -> gpuio_core::Result<ConfigLayer> {
    ConfigLayer::from_env(
        pairs
            .iter()
            .map(|(name, text)| (name.to_string(), text.to_string())),
    )
}

fn file(text: &str) -> gpuio_core::Result<ConfigLayer> {
    ConfigLayer::from_toml(text, "gpuio.toml")
}

fn only(layer: ConfigLayer) -> gpuio_core::Result<Config> {
    Config::resolve(layer, ConfigLayer::default(), ConfigLayer::default())
}

fn refused(result: gpuio_core::Result<impl std::fmt::Debug>, place: &str, advice: &str) -> Error {
    let error = result.expect_err(place);
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    assert_eq!(error.resource, place, "{error}");
    assert!(
        error.message.contains(advice),
        "expected {advice:?} in: {error}"
    );
    error
}

/// Every key with a legal value that is not its default, as a variable and as TOML.
const OTHER_VALUES: [(&str, &str, &str); 23] = [
    (
        "stats_endpoint",
        "unix:/run/gpuio.sock",
        "'unix:/run/gpuio.sock'",
    ),
    ("copy_engine_bytes", "32KiB", "32768"),
    ("api_version", "1", "1"),
    ("flags", "0", "0"),
    ("max_gpus", "2", "2"),
    ("memory_pool_size", "1GiB", "'1GiB'"),
    ("log_level", "DEBUG", "'debug'"),
    ("config_file", "/etc/gpuio.toml", ""),
    ("page_bytes", "4KiB", "4096"),
    ("io_timeout_us", "250ms", "250_000"),
    ("l1_ratio", "0.25", "0.25"),
    ("cache_policy", "lru", "'lru'"),
    ("device", "cuda:3", "'cuda:3'"),
    ("host_threads", "7", "0x7"),
    ("queue_depth", "128", "128"),
    ("request_slots", "64", "64"),
    ("prefetch", "0", "false"),
    ("prefetch_window_bytes", "1MiB", "'1 MiB'"),
    ("l1_capacity_bytes", "32MiB", "'32MiB'"),
    ("l2_capacity_bytes", "65536K", "67108864"),
    ("scheduler_policy", "Deadline", "'deadline'"),
    ("queued_requests_max", "10", "10"),
    ("request_workers", "3", "3"),
];

#[test]
fn defaults() {
    let config = Config::default();
    assert_eq!(
        only(ConfigLayer::default()).expect("legal defaults"),
        config
    );
    assert_eq!(
        (config.api_version, config.flags, config.max_gpus),
        (API_VERSION, 0, -1)
    );
    assert_eq!(config.memory_pool_size, 256 << 20);
    assert_eq!(
        (config.l1_capacity_bytes, config.l2_capacity_bytes),
        (128 << 20, 128 << 20)
    );
    assert_eq!(
        (config.page_bytes, config.io_timeout_us),
        (65_536, 30_000_000)
    );
    assert_eq!(
        (config.log_level, config.device),
        (LogLevel::Warn, DeviceChoice::Auto)
    );
    assert_eq!(
        (
            config.queue_depth,
            config.request_slots,
            config.host_threads
        ),
        (64, 1024, 0)
    );
    assert_eq!(
        (config.prefetch, config.prefetch_window_bytes),
        (true, 8 << 20)
    );
    assert_eq!(
        (config.config_file, config.cache_policy),
        (None, PolicyKind::S3Fifo)
    );
    assert_eq!(
        (config.scheduler_policy, config.queued_requests_max),
        (SchedulerPolicy::Priority, 65_536)
    );
    assert_eq!(config.request_workers, 0);
}

#[test]
fn every_key_comes_from_variables_and_from_a_file() {
    let variables = OTHER_VALUES.map(|(name, text, _)| {
        (
            format!("GPUIO_{}", name.to_ascii_uppercase()),
            text.to_string(),
        )
    });
    let from_env = ConfigLayer::from_env(variables).expect("legal variables");
    let lines = OTHER_VALUES.iter().filter(|(_, _, toml)| !toml.is_empty());
    let text: String = lines
        .map(|(name, _, toml)| format!("{name} = {toml}\n"))
        .collect();
    let mut from_file = file(&text).expect("legal file");
    let config = only(from_env.clone()).expect("legal values");
    assert_eq!(config.config_file.as_deref(), Some("/etc/gpuio.toml"));
    assert_eq!((config.page_bytes, config.io_timeout_us), (4096, 250_000));
    assert_eq!(
        (config.device, config.cache_policy),
        (DeviceChoice::Cuda(3), PolicyKind::Lru)
    );
    assert_eq!(
        (config.l1_capacity_bytes, config.l2_capacity_bytes),
        (32 << 20, 64 << 20)
    );
    assert_eq!((config.prefetch, config.host_threads), (false, 7));
    assert_eq!(config.stats_endpoint.to_string(), "unix:/run/gpuio.sock");
    from_file.config_file = from_env.config_file.clone();
    from_file.source = Source::Environment;
    assert_eq!(from_file, from_env);
    let reference = reference_markdown();
    assert_eq!(reference.lines().count(), 2 + OTHER_VALUES.len());
    for (name, _, _) in OTHER_VALUES {
        assert!(
            reference.contains(&format!("| `{name}` | `GPUIO_")),
            "{name}"
        );
    }
    assert!(reference.contains("| `page_bytes` | `GPUIO_PAGE_BYTES` | 64KiB | Bytes of a page"));
}

#[test]
fn an_address_that_cannot_be_served_is_refused_with_its_place() {
    let error = environment(&[("GPUIO_STATS_ENDPOINT", "0.0.0.0:9464")]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("GPUIO_STATS_ENDPOINT") && text.contains("public:0.0.0.0:9464"));
    let error = file("stats_endpoint = 9464").unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:9464"), "{error}");
    let off = only(environment(&[("GPUIO_STATS_ENDPOINT", "off")]).unwrap());
    assert_eq!(off.unwrap(), Config::default());
}

#[test]
fn code_beats_environment_beats_file_beats_default() {
    let code = ConfigLayer {
        page_bytes: Some(512),
        ..ConfigLayer::default()
    };
    let env = environment(&[("GPUIO_PAGE_BYTES", "1KiB"), ("GPUIO_QUEUE_DEPTH", "2")]).unwrap();
    let text = "page_bytes = 2048\nqueue_depth = 3\nhost_threads = 4";
    let config = Config::resolve(code, env, file(text).unwrap()).unwrap();
    assert_eq!((config.page_bytes, config.queue_depth), (512, 2));
    assert_eq!((config.host_threads, config.request_slots), (4, 1024));
}

#[test]
fn capacities_not_given_are_shares_of_the_pool_in_whole_pages() {
    let layer = ConfigLayer {
        memory_pool_size: Some((100 << 20) + 12_345),
        l1_ratio: Some(0.25),
        ..ConfigLayer::default()
    };
    let config = only(layer.clone()).unwrap();
    assert_eq!(
        (config.l1_capacity_bytes, config.l2_capacity_bytes),
        (25 << 20, 75 << 20)
    );
    let given = ConfigLayer {
        l1_capacity_bytes: Some(4 << 20),
        ..layer
    };
    let config = only(given).unwrap();
    assert_eq!(
        (config.l1_capacity_bytes, config.l2_capacity_bytes),
        (4 << 20, 75 << 20)
    );
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let error = environment(&[("GPUIO_PAGE_BYTE", "4096")]);
    refused(
        error,
        "GPUIO_PAGE_BYTE",
        "did you mean \"GPUIO_PAGE_BYTES\"?",
    );
    let error = refused(
        file("# a comment\nl1_ratio = 0.5\nchache_policy = 'lru'\n"),
        "gpuio.toml:3",
        "unknown key \"chache_policy\"; did you mean \"cache_policy\"?",
    );
    assert_eq!(error.offset, Some(27));
    refused(
        file("[gpuio]\npage_bytes = 1"),
        "gpuio.toml:1",
        "unknown key \"gpuio\"",
    );
    refused(
        file("config_file = 'b.toml'"),
        "gpuio.toml:1",
        "cannot name another",
    );
}

#[test]
fn variables_of_scripts_and_of_others_are_passed_over() {
    let layer = environment(&[
        ("PATH", "/bin"),
        ("GPUIO_TEST_SEEDS", "5"),
        ("GPUIO_BUILD_JOBS", "x"),
        ("GPUIO_DEMO_SCALE", ""),
        ("GPUIO_BENCH_FILE", "/x"),
        ("GPUIO_PAGE_BYTES", ""),
    ]);
    assert_eq!(
        layer,
        Ok(ConfigLayer {
            source: Source::Environment,
            ..ConfigLayer::default()
        })
    );
}

/// The names of the variables that a text of a script or program asks the environment for.
fn variables_asked_for(text: &str) -> impl Iterator<Item = &str> {
    let marks = ["${GPUIO_", "getenv(\"GPUIO_"];
    marks.into_iter().flat_map(move |mark| {
        text.match_indices(mark).map(move |(at, _)| {
            let name = &text[at + mark.len() - "GPUIO_".len()..];
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            &name[..name.find(|c| !is_name(c)).unwrap_or(name.len())]
        })
    })
}

#[test]
fn what_build_and_tests_are_told_is_none_of_the_librarys_business() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let files = [
        "scripts/lib.sh",
        "scripts/gpu-build",
        "scripts/gpu-suite",
        "tests/gpu/support.cuh",
    ];
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(format!("{root}/{file}")).unwrap();
        for name in variables_asked_for(&text) {
            seen += 1;
            assert!(environment(&[(name, "x")]).is_ok(), "{file}: {name}");
        }
    }
    assert!(
        seen >= 4,
        "only {seen} variables: the test looks in the wrong place"
    );
}

#[test]
fn a_wrong_type_is_refused_where_it_stands() {
    refused(
        environment(&[("GPUIO_QUEUE_DEPTH", "many")]),
        "GPUIO_QUEUE_DEPTH",
        "whole number",
    );
    refused(
        environment(&[("GPUIO_PAGE_BYTES", "4XB")]),
        "GPUIO_PAGE_BYTES",
        "unknown unit \"XB\"",
    );
    refused(
        environment(&[("GPUIO_PREFETCH", "yes")]),
        "GPUIO_PREFETCH",
        "true or false",
    );
    refused(
        environment(&[("GPUIO_DEVICE", "cuda:")]),
        "GPUIO_DEVICE",
        "cuda:N",
    );
    refused(
        environment(&[("GPUIO_DEVICE", "cuda:+1")]),
        "GPUIO_DEVICE",
        "cuda:N",
    );
    refused(
        environment(&[("GPUIO_LOG_LEVEL", "wran")]),
        "GPUIO_LOG_LEVEL",
        "mean \"warn\"",
    );
    refused(
        environment(&[("GPUIO_L1_RATIO", "half")]),
        "GPUIO_L1_RATIO",
        "0.5",
    );
    refused(
        file("page_bytes = true"),
        "gpuio.toml:1: page_bytes",
        "found true",
    );
    refused(
        file("\nprefetch = [1]"),
        "gpuio.toml:2: prefetch",
        "type array",
    );
    refused(
        file("flags = -1"),
        "gpuio.toml:1: flags",
        "from 0 to 4294967295",
    );
    refused(
        file("cache_policy = 1"),
        "gpuio.toml:1: cache_policy",
        "lru, clock, sieve",
    );
    refused(
        file("device = 1979-05-27"),
        "gpuio.toml:1: device",
        "auto, host",
    );
    refused(file("flags = 1\nflags = 2"), "gpuio.toml:2", "duplicate");
    let error = refused(file("page_bytes = \n"), "gpuio.toml:1", "");
    assert_eq!(error.offset, Some(13));
    let long = "#".repeat(MAX_CONFIG_FILE_BYTES + 1);
    refused(file(&long), "gpuio.toml", "at most 1048576");
}

#[test]
fn a_value_out_of_range_names_the_place_it_came_from() {
    for (name, text, advice) in [
        ("PAGE_BYTES", "3000", "power of two from 512 to 2MiB"),
        ("PAGE_BYTES", "256", "power of two"),
        ("PAGE_BYTES", "4MiB", "power of two"),
        ("PAGE_BYTES", "0", "power of two"),
        ("L1_RATIO", "1", "above 0 and below 1"),
        ("L1_RATIO", "nan", "above 0 and below 1"),
        ("IO_TIMEOUT_US", "999us", "1ms to 1h"),
        ("IO_TIMEOUT_US", "61min", "1ms to 1h"),
        ("MAX_GPUS", "-2", "-1 to 1024"),
        ("HOST_THREADS", "1025", "0 to 1024"),
        ("QUEUE_DEPTH", "0", "1 to 4096"),
        ("REQUEST_SLOTS", "100", "power of two"),
        ("REQUEST_SLOTS", "32", "64 to 4096"),
        ("FLAGS", "2", "0x2"),
        ("PREFETCH_WINDOW_BYTES", "4KiB", "a page (64KiB) to 1GiB"),
        (
            "L1_CAPACITY_BYTES",
            "2097151",
            "smallest l1_capacity_bytes is 2097152 bytes (2MiB)",
        ),
        (
            "L2_CAPACITY_BYTES",
            "0",
            "smallest l2_capacity_bytes is 524288 bytes",
        ),
        ("L2_CAPACITY_BYTES", "16777215TiB", "pages are too many"),
    ] {
        let variable = format!("GPUIO_{name}");
        let env = environment(&[(&variable, text)]).expect(name);
        let none = ConfigLayer::default();
        refused(Config::resolve(none.clone(), env, none), &variable, advice);
    }
}

#[test]
fn a_value_out_of_range_from_a_file_or_code_names_its_place_too() {
    let none = ConfigLayer::default;
    let from_file = file("page_bytes = 3000").unwrap();
    let result = Config::resolve(none(), none(), from_file);
    refused(result, "gpuio.toml: page_bytes", "power of two");
    refused(
        only(ConfigLayer {
            queue_depth: Some(0),
            ..none()
        }),
        "queue_depth",
        "1 to 4096",
    );
    let pool = ConfigLayer {
        memory_pool_size: Some(1 << 20),
        ..none()
    };
    let place = "memory_pool_size, from which l1_capacity_bytes follows";
    refused(
        only(pool),
        place,
        "smallest l1_capacity_bytes is 2097152 bytes",
    );
    let window = ConfigLayer {
        prefetch_window_bytes: Some(0),
        ..none()
    };
    assert!(only(ConfigLayer {
        prefetch: Some(false),
        ..window
    })
    .is_ok());
    let error = only(ConfigLayer {
        api_version: Some(2),
        ..none()
    })
    .unwrap_err();
    assert_eq!(error.code, ErrorCode::Unsupported, "{error}");
}

#[test]
fn the_smallest_capacities_are_legal() {
    let layer = ConfigLayer {
        page_bytes: Some(512),
        l1_capacity_bytes: Some(32 * 512),
        l2_capacity_bytes: Some(8 * 512),
        ..ConfigLayer::default()
    };
    let config = only(layer).unwrap();
    assert_eq!(config.check_page_bytes(512), Ok(()));
    let error = config.check_page_bytes(1024).unwrap_err();
    assert!(error.message.contains("32768 bytes"), "{error}");
    assert!(config
        .check_page_bytes(3)
        .unwrap_err()
        .message
        .contains("power of two"));
}

#[test]
fn enumerations_have_numbers_and_spellings() {
    for (number, name) in ["off", "error", "warn", "info", "debug", "trace"]
        .iter()
        .enumerate()
    {
        let level = LogLevel::from_number(number as i32).expect(name);
        assert_eq!(
            (level as usize, level.to_string().as_str()),
            (number, *name)
        );
    }
    assert_eq!(LogLevel::from_number(6), None);
    let names = PolicyKind::ALL.map(|policy| policy.to_string());
    assert_eq!(names, ["lru", "clock", "sieve", "s3-fifo"]);
    assert_eq!(DeviceChoice::Cuda(1).to_string(), "cuda:1");
}

proptest! {
    #[test]
    fn no_text_panics(
        key in prop::sample::select(OTHER_VALUES.map(|(name, _, _)| name).to_vec()),
        value in "[0-9a-zA-Z.:'\"\\[{=-]{0,12}",
        anything in any::<String>(),
    ) {
        let variable = format!("GPUIO_{}", key.to_ascii_uppercase());
        let layers = [
            environment(&[(&variable, &value)]),
            environment(&[(&variable, &anything)]),
            environment(&[(&format!("GPUIO_{anything}"), &value)]),
            file(&format!("{key} = {value}")),
            file(&anything),
        ];
        for layer in layers.into_iter().flatten() {
            if let Err(error) = only(layer) {
                prop_assert!(!error.resource.is_empty() && !error.message.is_empty());
            }
        }
    }
}
