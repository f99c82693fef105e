//! Labels, and handles that carry them.

use super::names::Metric;
use gress_core::TaskId;
use metrics::{Counter, Gauge, Histogram, Label};

/// What tells the series of one metric apart.
#[derive(Clone, Debug)]
pub(crate) struct Labels(Vec<Label>);

impl Labels {
    pub(crate) fn of_job(name: &str) -> Self {
        Labels(vec![Label::new("job", name.to_owned())])
    }

    pub(crate) fn with(&self, key: &'static str, value: impl Into<String>) -> Self {
        let mut labels = self.0.clone();
        labels.push(Label::new(key, value.into()));
        Labels(labels)
    }

    pub(crate) fn of_task(&self, task: &TaskId) -> Self {
        self.with("operator", task.chain.clone()).with("subtask", task.subtask.to_string())
    }

    /// A counter of which only growth is published: two jobs of a process that are called alike add up.
    pub(crate) fn total(&self, metric: &Metric) -> Total {
        Total::new(metrics::counter!(metric.name, self.0.clone()))
    }

    pub(crate) fn counter(&self, metric: &Metric) -> Counter {
        metrics::counter!(metric.name, self.0.clone())
    }

    pub(crate) fn gauge(&self, metric: &Metric) -> Gauge {
        metrics::gauge!(metric.name, self.0.clone())
    }

    pub(crate) fn histogram(&self, metric: &Metric) -> Histogram {
        metrics::histogram!(metric.name, self.0.clone())
    }

    /// A counter whose name is made at run time.
    pub(super) fn total_named(&self, name: String) -> Total {
        Total::new(metrics::counter!(name, self.0.clone()))
    }

    /// A gauge whose name is made at run time.
    pub(super) fn gauge_named(&self, name: String) -> Gauge {
        metrics::gauge!(name, self.0.clone())
    }
}

/// A counter of something that is counted elsewhere.
pub(crate) struct Total {
    counter: Counter,
    published: u64,
}

impl Total {
    fn new(counter: Counter) -> Self {
        Total { counter, published: 0 }
    }

    /// Publishes what the count has grown by, and returns it.
    pub(crate) fn is(&mut self, count: u64) -> u64 {
        let grown = count.saturating_sub(self.published);
        self.counter.increment(grown);
        self.published = count.max(self.published);
        grown
    }
}
