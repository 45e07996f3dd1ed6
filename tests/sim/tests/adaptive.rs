//! ADAPTIVE finds limits as good as the best fixed ones on four devices; no fixed ones do on all.

use gpuio_sim::load::settings::{best_compromise, compare_all, ENOUGH};

#[test]
fn adaptive_is_nearly_the_best_everywhere_and_no_fixed_setting_is() {
    for seed in 1..=3 {
        let all = compare_all(seed);
        for it in &all {
            let share = it.share(&it.adaptive);
            println!("seed {seed}, {}: {share:.3}", it.workload.name);
            assert!(share >= ENOUGH, "{}: {:?}", it.workload.name, it.adaptive);
        }
        let (limits, share) = best_compromise(&all);
        println!("seed {seed}, the best fixed setting: {share:.3} with {limits:?}");
        assert!(
            share < ENOUGH,
            "{limits:?} is good everywhere: nothing has to adapt"
        );
    }
}
