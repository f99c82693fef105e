//! The table of results.

use crate::{engine::Engine, measure::Sample};

/// Prints medians, and ratios to the first engine.
pub(crate) fn print(samples: &[Vec<Sample>]) {
    let medians: Vec<_> = samples.iter().map(|samples| Medians::of(samples)).collect();
    let Some(plain) = medians.first() else { return };
    println!();
    println!(
        "{:<46} {:>12} {:>14} {:>11} {:>11}  checkpoints",
        "engine", "M events/s", "M per CPU s", "ratio", "CPU ratio"
    );
    for (engine, median) in Engine::ALL.iter().zip(&medians) {
        let checkpoints = match median.checkpoints {
            0 => "-".to_owned(),
            n => n.to_string(),
        };
        println!(
            "{:<46} {:>12.2} {:>14.2} {:>11.3} {:>11.3}  {checkpoints}",
            engine.name(),
            median.wall / 1e6,
            median.cpu / 1e6,
            median.wall / plain.wall,
            median.cpu / plain.cpu,
        );
    }
}

struct Medians {
    wall: f64,
    cpu: f64,
    checkpoints: u64,
}

impl Medians {
    fn of(samples: &[Sample]) -> Medians {
        Medians {
            wall: median(samples.iter().map(Sample::events_per_second)),
            cpu: median(samples.iter().map(Sample::events_per_cpu_second)),
            checkpoints: median(samples.iter().map(|s| s.checkpoints as f64)) as u64,
        }
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median([].into_iter()), 0.0);
    }
}
