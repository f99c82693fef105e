//! Prometheus' text, read back.

use metrics_exporter_prometheus::PrometheusBuilder;
use std::collections::BTreeMap;

/// One answer of `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    /// Name to type.
    pub types: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// Runs `job` with a recorder of its own on this thread, and gives what it has published.
    pub(crate) fn of<T>(job: impl FnOnce() -> T) -> (T, Scrape) {
        let recorder = PrometheusBuilder::new().set_buckets(&[0.001, 1.0]).unwrap().build_recorder();
        let outcome = metrics::with_local_recorder(&recorder, job);
        (outcome, Scrape::parse(&recorder.handle().render()))
    }

    pub(crate) fn parse(text: &str) -> Scrape {
        let mut scrape = Scrape::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# HELP ")) {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').expect("a type has a name");
                scrape.types.insert(name.to_owned(), kind.to_owned());
                continue;
            }
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
            let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
            let labels = labels.map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned()));
            let value = value.parse().expect("a value is a number");
            scrape.samples.push(Sample { name: name.to_owned(), labels: labels.collect(), value });
        }
        scrape
    }

    /// The values of all series of this name that have these labels, among others.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let fits = |sample: &&Sample| {
            let has = |(key, value): &(&str, &str)| sample.labels.get(*key).is_some_and(|found| found == value);
            sample.name == name && labels.iter().all(has)
        };
        self.samples.iter().filter(fits).map(|sample| sample.value).collect()
    }

    /// Their sum; there is at least one.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let values = self.values(name, labels);
        assert!(!values.is_empty(), "there is no `{name}` with {labels:?}");
        values.iter().sum()
    }
}
