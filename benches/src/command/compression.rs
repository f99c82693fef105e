//! How small real records become on disk: every flight of a year, as bincode and as JSON, in each compression.

use crate::{
    key_value::Subject,
    report::{
        Cell::{Count, Ratio},
        Report, Row,
    },
    shared::Shared,
};
use gress_core::codec;
use gress_runtime::{Error, Result};
use gress_state_rocksdb::{Compression, Preset, RocksDbConfig};
use serde::{Deserialize, Serialize};
use std::{fs::File, path::PathBuf};

#[derive(clap::Args)]
pub(crate) struct CompressionRatios {
    /// The records, a CSV file that was compressed with zstd.
    #[arg(long, value_name = "FILE",
          default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../gress-examples/data/flights.csv.zst"))]
    input: PathBuf,
    /// Records that are stored [default: all; short: 20000].
    #[arg(long)]
    records: Option<usize>,
}

/// A row of the file, with all its columns.
#[derive(Debug, Deserialize, Serialize)]
struct Flight {
    year: i16,
    month: u8,
    day: u8,
    dep_time: Known<u16>,
    sched_dep_time: u16,
    dep_delay: Known<i16>,
    arr_time: Known<u16>,
    sched_arr_time: u16,
    arr_delay: Known<i16>,
    carrier: String,
    flight: u16,
    tailnum: String,
    origin: String,
    dest: String,
    air_time: Known<u16>,
    distance: u16,
    hour: u8,
    minute: u8,
    time_hour: String,
}

/// A number, or `NA`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Known<T>(Option<T>);

impl<'de, T: std::str::FromStr> Deserialize<'de> for Known<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.as_str() {
            "NA" => Ok(Known(None)),
            number => number.parse().map(|number| Known(Some(number))).map_err(|_| {
                serde::de::Error::custom(format!("`{number}` is neither a number of this column nor `NA`"))
            }),
        }
    }
}

const COMPRESSIONS: [Compression; 4] = [Compression::None, Compression::Snappy, Compression::Lz4, Compression::Zstd];

impl CompressionRatios {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let mut report = Report::new("compression");
        let flights = self.read(shared.or(self.records, usize::MAX, 20_000))?;
        report.setting("records", flights.len());
        let mut bincode = Vec::new();
        for flight in &flights {
            let mut value = Vec::new();
            codec::encode(flight, &mut value)?;
            bincode.push(value);
        }
        let json = flights.iter().map(serde_json::to_vec).collect::<Result<Vec<_>, _>>()?;
        let mut rows = Vec::new();
        for (encoding, values) in [("bincode", bincode), ("JSON", json)] {
            for compression in COMPRESSIONS {
                rows.push(stored(encoding, &values, compression, shared)?);
            }
        }
        report.table("flights, keys of 8 bytes, after a compaction", &rows);
        Ok(report)
    }

    fn read(&self, records: usize) -> Result<Vec<Flight>> {
        let file = File::open(&self.input).map_err(|e| Error::io("open", &self.input, e))?;
        let mut reader = csv::Reader::from_reader(zstd::Decoder::new(file)?);
        Ok(reader.deserialize().take(records).collect::<Result<_, _>>()?)
    }
}

fn stored(encoding: &'static str, values: &[Vec<u8>], compression: Compression, shared: &Shared) -> Result<Row> {
    let scratch = shared.scratch()?;
    let config = RocksDbConfig::default().compression(compression);
    let state = Subject::Gress(config).open(&scratch.path().join("state"))?;
    for (number, value) in (0_u64..).zip(values) {
        state.put(&number.to_be_bytes(), value)?;
    }
    state.flush()?;
    state.compact()?;
    let disk = state.number("rocksdb.live-sst-files-size")?;
    state.close()?;
    let raw: u64 = values.iter().map(|value| 8 + value.len() as u64).sum();
    Ok(Row::default()
        .with("encoding", encoding)
        .with("compression", format!("{compression:?}").to_lowercase())
        .with("presets", presets_with(compression))
        .with("bytes a record", Ratio(raw as f64 / values.len().max(1) as f64))
        .with("raw bytes", Count(raw))
        .with("disk bytes", Count(disk))
        .with("raw / disk", Ratio(raw as f64 / disk.max(1) as f64)))
}

fn presets_with(compression: Compression) -> String {
    let presets = Preset::ALL.into_iter().filter(|preset| preset.options().compression == compression);
    presets.map(Preset::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_flight_has_no_delay() {
        let columns = "2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,N18120,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z\n";
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(columns.as_bytes());
        let flight: Flight = reader.deserialize().next().unwrap().unwrap();
        assert!(flight.dep_delay.0.is_none());
        assert_eq!(flight.distance, 416);
    }
}
