//! Runs a simulation by hand:
//!
//!     cargo run --release -p gpuio-sim -- chaos --policy priority --seed 7 --requests 40000
//!     cargo run --release -p gpuio-sim -- settings
//!     cargo run --release -p gpuio-sim -- overload
//!     cargo run --release -p gpuio-sim -- beside

use gpuio_core::scheduling::SchedulerPolicy;
use gpuio_sim::chaos;
use gpuio_sim::load::beside;
use gpuio_sim::load::closed::Performance;
use gpuio_sim::load::overload;
use gpuio_sim::load::settings::{best_compromise, compare_all};
use std::process::ExitCode;

const USAGE: &str = "usage: gpuio-sim chaos [--policy NAME] [--seed N] [--seeds N] [--requests N]
       gpuio-sim settings [--seed N]
       gpuio-sim overload [--seed N]
       gpuio-sim beside";

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    match arguments.first().map(String::as_str) {
        Some("chaos") => run_chaos(&arguments[1..]),
        Some("settings") => {
            print_settings(number(arguments, "--seed", 1)?);
            Ok(())
        }
        Some("overload") => {
            print_overload(number(arguments, "--seed", 1)?);
            Ok(())
        }
        Some("beside") => {
            print_beside();
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

fn run_chaos(arguments: &[String]) -> Result<(), String> {
    let seed = number(arguments, "--seed", 1)?;
    let seed_count = number(arguments, "--seeds", 1)?;
    let requests = number(arguments, "--requests", 40_000)? as usize;
    let wanted = option(arguments, "--policy");
    for policy in SchedulerPolicy::ALL {
        if wanted.is_none_or(|name| name == policy.to_string()) {
            let tally = chaos::campaign(policy, seed, seed_count, requests)?;
            println!("{policy}: {tally:?}");
        }
    }
    Ok(())
}

fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|it| it == name)?;
    arguments.get(at + 1).map(String::as_str)
}

fn number(arguments: &[String], name: &str, default: u64) -> Result<u64, String> {
    option(arguments, name).map_or(Ok(default), |text| {
        text.parse()
            .map_err(|_| format!("{name} {text}: not a number\n{USAGE}"))
    })
}

fn print_settings(seed: u64) {
    let all = compare_all(seed);
    println!("| workload | best fixed | it carries | ADAPTIVE ends at | it carries | share |");
    println!("| --- | --- | ---: | --- | ---: | ---: |");
    for it in &all {
        let (best, adaptive) = (it.best(), &it.adaptive);
        println!(
            "| {} | {} | {} | {} | {} | {:.3} |",
            it.workload.name,
            setting(best),
            carried(best),
            setting(adaptive),
            carried(adaptive),
            it.share(adaptive)
        );
    }
    let (limits, share) = best_compromise(&all);
    println!("\nThe best compromise, {limits:?}, is at {share:.3} of the best somewhere.");
}

fn setting(it: &Performance) -> String {
    let limits = it.limits;
    format!(
        "{} x {} KiB, {}",
        limits.depth,
        limits.slice_bytes >> 10,
        limits.batch_count
    )
}

fn carried(it: &Performance) -> String {
    let mb = it.bandwidth * 1000.0;
    match it.urgent_p99_ns {
        0 => format!("{mb:.0} MB/s"),
        p99 => format!("{mb:.0} MB/s, p99 {} us", p99 / 1000),
    }
}

fn print_overload(seed: u64) {
    println!(
        "| load | policy | critical: asked, admitted, in time | of the admitted | all in time |"
    );
    println!("| ---: | --- | ---: | ---: | ---: |");
    for load in [0.9, 1.2, 1.5] {
        for policy in SchedulerPolicy::ALL {
            let served = overload::run(policy, load, 100_000, seed);
            println!(
                "| {load} | {policy} | {}, {}, {} | {:.1} % | {:.1} % |",
                served.critical,
                served.critical_admitted,
                served.critical_met,
                100.0 * served.critical_hit_rate(),
                100.0 * served.all_met as f64 / served.all as f64
            );
        }
    }
}

fn print_beside() {
    println!("| drive | urgent requests | p99, times that alone | bulk's share | bulk in flight |");
    println!("| --- | --- | ---: | ---: | ---: |");
    for drive in &beside::DRIVES {
        for (thinks, come) in [(false, "at random"), (true, "after a thought")] {
            let it = beside::run(drive, SchedulerPolicy::Priority, thinks, 100_000);
            println!(
                "| {} | {come} | {:.2} | {:.2} | {} KiB |",
                drive.name,
                it.slowdown,
                it.share,
                it.performance.allowed_bytes >> 10
            );
        }
    }
}
