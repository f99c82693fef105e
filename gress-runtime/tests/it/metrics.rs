//! What jobs tell of themselves: metrics, the endpoint that serves them, and log lines.

mod documented;
mod endpoint;
mod logs;
pub(crate) mod scrape;
mod values;
