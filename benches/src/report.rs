//! What a benchmark says: tables for people, the same as JSON for programs, and the limits it was held against.

use gress_runtime::{Error, Result};
use serde_json::{Map, Value, json};
use std::{fmt::Display, path::Path, time::Duration};

/// The results of one benchmark. Tables and limits are printed as they come.
#[derive(Debug)]
pub(crate) struct Report {
    benchmark: &'static str,
    settings: Map<String, Value>,
    tables: Map<String, Value>,
    limits: Vec<Value>,
    /// Limits that were not kept.
    pub(crate) exceeded: usize,
}

impl Report {
    pub(crate) fn new(benchmark: &'static str) -> Self {
        Report { benchmark, settings: Map::new(), tables: Map::new(), limits: Vec::new(), exceeded: 0 }
    }

    /// Notes and prints what the benchmark was told.
    pub(crate) fn setting(&mut self, name: &str, value: impl Display) {
        println!("{name}: {value}");
        self.settings.insert(name.into(), value.to_string().into());
    }

    /// Prints rows, whose columns are those of the first.
    pub(crate) fn table(&mut self, title: &str, rows: &[Row]) {
        println!("\n{title}");
        rows.first().iter().for_each(|first| println!("{}", first.heading(&widths(rows))));
        rows.iter().for_each(|row| println!("{}", row.line(&widths(rows))));
        self.tables.insert(title.into(), rows.iter().map(Row::to_json).collect());
    }

    /// Prints whether `measured` is at most `limit`.
    pub(crate) fn at_most(&mut self, claim: &str, measured: f64, limit: f64) {
        self.judge(claim, measured <= limit, format!("{measured:.3}, limit {limit:.3}"));
    }

    /// Prints whether `measured` is at least `limit`.
    pub(crate) fn at_least(&mut self, claim: &str, measured: f64, limit: f64) {
        // Ratios need their decimals, operations per second have none to show.
        let decimals = if limit < 100.0 { 3 } else { 0 };
        self.judge(claim, measured >= limit, format!("{measured:.decimals$}, wanted {limit:.decimals$}"));
    }

    fn judge(&mut self, claim: &str, kept: bool, figures: String) {
        println!("{} {claim}: {figures}", if kept { "ok    " } else { "NOT OK" });
        self.limits.push(json!({ "claim": claim, "kept": kept, "figures": figures }));
        self.exceeded += usize::from(!kept);
    }

    /// Writes everything as JSON. Times are nanoseconds.
    pub(crate) fn write_json(&self, file: &Path) -> Result<()> {
        let all = json!({
            "benchmark": self.benchmark, "settings": self.settings, "tables": self.tables, "limits": self.limits,
        });
        std::fs::write(file, format!("{all:#}\n")).map_err(|e| Error::io("write", file, e))
    }
}

/// A line of a table: each cell below the name of its column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row(Vec<(&'static str, Cell)>);

impl Row {
    /// The row with one more cell.
    pub(crate) fn with(mut self, column: &'static str, cell: impl Into<Cell>) -> Self {
        self.0.push((column, cell.into()));
        self
    }

    fn heading(&self, widths: &[usize]) -> String {
        let columns = self.0.iter().zip(widths);
        columns.map(|((name, cell), width)| cell.align(name, *width)).collect::<Vec<_>>().join("  ")
    }

    fn line(&self, widths: &[usize]) -> String {
        let cells = self.0.iter().zip(widths);
        cells.map(|((_, cell), width)| cell.align(&cell.text(), *width)).collect::<Vec<_>>().join("  ")
    }

    fn to_json(&self) -> Value {
        self.0.iter().map(|(name, cell)| ((*name).to_owned(), cell.to_json())).collect::<Map<_, _>>().into()
    }
}

fn widths(rows: &[Row]) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    for Row(cells) in rows {
        widths.resize(widths.len().max(cells.len()), 0);
        for (width, (name, cell)) in widths.iter_mut().zip(cells) {
            *width = (*width).max(name.chars().count()).max(cell.text().chars().count());
        }
    }
    widths
}

/// One figure, or a name.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Name(String),
    Count(u64),
    Ratio(f64),
    Time(Duration),
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Cell::Name(name) => name.clone(),
            Cell::Count(count) => grouped(*count),
            Cell::Ratio(ratio) => format!("{ratio:.3}"),
            Cell::Time(time) => format!("{:.1} µs", time.as_nanos() as f64 / 1e3),
        }
    }

    /// Names to the left, figures to the right.
    fn align(&self, text: &str, width: usize) -> String {
        match self {
            Cell::Name(_) => format!("{text:<width$}"),
            _ => format!("{text:>width$}"),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Cell::Name(name) => json!(name),
            Cell::Count(count) => json!(count),
            Cell::Ratio(ratio) => json!(ratio),
            Cell::Time(time) => json!(time.as_nanos() as u64),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(name: T) -> Self {
        Cell::Name(name.into())
    }
}

/// 328521 becomes `328,521`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1_000, 328_521, 1_000_000].map(grouped), ["0", "999", "1,000", "328,521", "1,000,000"]);
    }

    #[test]
    fn a_limit_that_is_not_kept_counts() {
        let mut report = Report::new("none");
        report.at_most("small enough", 1.0, 1.0);
        report.at_least("large enough", 1.0, 2.0);
        assert_eq!(report.exceeded, 1);
    }
}
