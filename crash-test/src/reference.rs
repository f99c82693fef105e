//! The three results of the flights job by a plain computation: one loop over the rows, maps, nothing of Gress.
//!
//! The definition, in one place:
//!
//! - Event time is the scheduled departure plus `dep_delay` minutes, the wall clock taken as if it were UTC. Cancelled
//!   flights (`dep_delay` is `NA`) are dropped before anything else.
//! - The watermark after an event is the largest event time so far less six hours and a millisecond.
//! - Windows are the hours of the wall clock. An event is late if the last millisecond of its window is at or before
//!   the watermark that stood before the event; it then counts in no window.
//! - A leg is a departed flight, late or not, of a known tail number: its running number and the distance flown so far,
//!   in the order of the input.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::Serialize;

/// The folders of the results, in the order of [`Outputs::folders`].
pub const FOLDERS: [&str; 3] = ["hourly", "late", "legs"];

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const BOUND_MS: i64 = 6 * HOUR_MS;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// What the results need of one data row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    /// Data row, from 0.
    pub seq: u64,
    /// Scheduled departure in milliseconds since 1970-01-01T00:00.
    pub scheduled_ms: i64,
    /// Minutes of delay at departure; none if the flight was cancelled.
    pub dep_delay: Option<i64>,
    /// Airport of departure.
    pub origin: String,
    /// The aircraft, where it is known.
    pub tail_number: Option<String>,
    /// Miles.
    pub distance: i64,
}

/// The lines of the three results, each sorted by bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs {
    /// Delay by origin and hour of departure.
    pub hourly: Vec<String>,
    /// Events that came too late for their hour.
    pub late: Vec<String>,
    /// Every flight of every aircraft, with the running count and distance.
    pub legs: Vec<String>,
}

impl Outputs {
    /// Each folder's name and lines.
    pub fn folders(&self) -> [(&'static str, &[String]); 3] {
        let [hourly, late, legs] = FOLDERS;
        [(hourly, &self.hourly), (late, &self.late), (legs, &self.legs)]
    }
}

/// The results of a folder that holds `flights.csv.zst` or `flights.csv`.
pub fn outputs_of_folder(folder: &Path) -> io::Result<Outputs> {
    Ok(outputs(&read_folder(folder)?))
}

/// All rows of a folder that holds `flights.csv.zst` or `flights.csv`.
pub fn read_folder(folder: &Path) -> io::Result<Vec<Flight>> {
    let compressed = folder.join("flights.csv.zst");
    if compressed.exists() {
        return read(zstd::Decoder::new(File::open(compressed)?)?);
    }
    read(File::open(folder.join("flights.csv"))?)
}

/// All rows of a CSV with a header line.
pub fn read(csv_text: impl io::Read) -> io::Result<Vec<Flight>> {
    let mut reader = csv::Reader::from_reader(csv_text);
    let columns = reader.headers()?.clone();
    let mut flights = Vec::new();
    for (seq, record) in (0..).zip(reader.records()) {
        let record = record?;
        let row = Row { seq, columns: &columns, record: &record };
        flights.push(row.flight()?);
    }
    Ok(flights)
}

struct Row<'a> {
    seq: u64,
    columns: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    fn flight(&self) -> io::Result<Flight> {
        let scheduled = DateTime::new(
            self.number("year")? as i16,
            self.number("month")? as i8,
            self.number("day")? as i8,
            self.number("hour")? as i8,
            self.number("minute")? as i8,
            0,
            0,
        )
        .map_err(|error| self.wrong("scheduled departure", &error.to_string()))?;
        Ok(Flight {
            seq: self.seq,
            scheduled_ms: scheduled.duration_since(EPOCH).as_secs() * 1_000,
            dep_delay: if self.text("dep_delay")? == "NA" { None } else { Some(self.number("dep_delay")?) },
            origin: self.text("origin")?.to_owned(),
            tail_number: Some(self.text("tailnum")?).filter(|tail| *tail != "NA").map(str::to_owned),
            distance: self.number("distance")?,
        })
    }

    fn text(&self, column: &str) -> io::Result<&str> {
        let index = self.columns.iter().position(|name| name == column);
        index.and_then(|index| self.record.get(index)).ok_or_else(|| self.wrong(column, "is missing"))
    }

    fn number(&self, column: &str) -> io::Result<i64> {
        let text = self.text(column)?;
        text.parse().map_err(|_| self.wrong(column, &format!("is {text:?}, not a whole number")))
    }

    fn wrong(&self, column: &str, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("data row {}: {column} {what}", self.seq))
    }
}

#[derive(Serialize)]
struct HourlyLine<'a> {
    origin: &'a str,
    window_start: String,
    n: u64,
    sum_dep_delay: i64,
    mean_dep_delay: f64,
    min_dep_delay: i64,
    max_dep_delay: i64,
}

#[derive(Serialize)]
struct LateLine<'a> {
    seq: u64,
    origin: &'a str,
    window_start: String,
    event_time: String,
}

#[derive(Serialize)]
struct LegLine<'a> {
    tail_number: &'a str,
    leg: u64,
    total_distance: i64,
}

/// The results of these rows, in their order.
pub fn outputs(flights: &[Flight]) -> Outputs {
    let mut windows: BTreeMap<(&str, i64), Vec<i64>> = BTreeMap::new();
    let mut aircraft: HashMap<&str, (u64, i64)> = HashMap::new();
    let mut watermark: Option<i64> = None;
    let mut outputs = Outputs::default();

    for flight in flights {
        let Some(dep_delay) = flight.dep_delay else { continue };
        let event_time = flight.scheduled_ms + dep_delay * MINUTE_MS;
        let window_start = event_time.div_euclid(HOUR_MS) * HOUR_MS;
        let window_last = window_start + HOUR_MS - 1;

        if watermark.is_some_and(|watermark| window_last <= watermark) {
            outputs.late.push(line(&LateLine {
                seq: flight.seq,
                origin: &flight.origin,
                window_start: minute(window_start),
                event_time: minute(event_time),
            }));
        } else {
            windows.entry((&flight.origin, window_start)).or_default().push(dep_delay);
        }
        watermark = watermark.max(Some(event_time - BOUND_MS - 1));

        if let Some(tail_number) = &flight.tail_number {
            let (leg, total_distance) = aircraft.entry(tail_number).or_default();
            *leg += 1;
            *total_distance += flight.distance;
            outputs.legs.push(line(&LegLine { tail_number, leg: *leg, total_distance: *total_distance }));
        }
    }

    outputs.hourly = windows.iter().map(|((origin, start), delays)| hourly_line(origin, *start, delays)).collect();
    outputs.hourly.sort_unstable();
    outputs.late.sort_unstable();
    outputs.legs.sort_unstable();
    outputs
}

fn hourly_line(origin: &str, window_start: i64, delays: &[i64]) -> String {
    let sum: i64 = delays.iter().sum();
    line(&HourlyLine {
        origin,
        window_start: minute(window_start),
        n: delays.len() as u64,
        sum_dep_delay: sum,
        mean_dep_delay: sum as f64 / delays.len() as f64,
        min_dep_delay: delays.iter().copied().min().unwrap_or(0),
        max_dep_delay: delays.iter().copied().max().unwrap_or(0),
    })
}

/// A time of day to the minute, as `2013-01-01T05:00`.
fn minute(since_epoch_ms: i64) -> String {
    (EPOCH + SignedDuration::from_millis(since_epoch_ms)).strftime("%Y-%m-%dT%H:%M").to_string()
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers and texts always have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "year,month,day,dep_delay,tailnum,origin,distance,hour,minute\n";

    fn outputs_of(rows: &str) -> Outputs {
        outputs(&read(format!("{HEADER}{rows}").as_bytes()).expect("the test's rows are well formed"))
    }

    fn real_data() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../gress-examples/data"))
    }

    #[test]
    fn one_hour_is_summed_with_the_fields_in_order() {
        let outputs = outputs_of(
            "2013,1,1,2,N1,EWR,10,5,15\n2013,1,1,-4,N2,EWR,20,5,20\n2013,1,1,1,N3,EWR,30,5,30\n2013,1,1,0,N4,EWR,40,5,59\n",
        );
        assert_eq!(
            outputs.hourly,
            [
                r#"{"origin":"EWR","window_start":"2013-01-01T05:00","n":4,"sum_dep_delay":-1,"mean_dep_delay":-0.25,"min_dep_delay":-4,"max_dep_delay":2}"#
            ]
        );
        assert!(outputs.late.is_empty());
    }

    #[test]
    fn the_delay_moves_a_flight_into_the_hour_and_day_of_its_departure() {
        let outputs = outputs_of("2013,12,31,65,N1,JFK,1,23,0\n");
        assert!(outputs.hourly[0].starts_with(r#"{"origin":"JFK","window_start":"2014-01-01T00:00","n":1,"#));
        let early = outputs_of("2013,1,1,-20,N1,JFK,1,5,10\n");
        assert!(early.hourly[0].contains("2013-01-01T04:00"));
    }

    #[test]
    fn an_event_is_late_from_the_minute_on_at_which_its_hour_lies_six_hours_back() {
        // The hour from 5 ends at 6; with a largest time of 11:59 it is still open, with 12:00 it is closed.
        let on_time = outputs_of("2013,1,1,0,N1,EWR,1,11,59\n2013,1,1,0,N2,LGA,1,5,59\n");
        assert!(on_time.late.is_empty());
        let late = outputs_of("2013,1,1,0,N1,EWR,1,12,0\n2013,1,1,0,N2,LGA,1,5,59\n");
        assert_eq!(
            late.late,
            [r#"{"seq":1,"origin":"LGA","window_start":"2013-01-01T05:00","event_time":"2013-01-01T05:59"}"#]
        );
        assert_eq!(late.hourly.len(), 1);
        assert_eq!(late.legs.len(), 2, "a late flight is a leg all the same");
    }

    #[test]
    fn an_event_is_judged_by_the_watermark_before_it_and_not_by_its_own() {
        let outputs = outputs_of("2013,1,1,0,N1,EWR,1,5,0\n2013,1,2,0,N1,EWR,1,5,0\n");
        assert!(outputs.late.is_empty());
    }

    #[test]
    fn cancelled_flights_move_nothing_and_unknown_aircraft_have_no_leg() {
        let outputs = outputs_of("2013,1,9,NA,N1,EWR,1,5,0\n2013,1,1,0,NA,EWR,1,5,0\n");
        assert!(outputs.late.is_empty());
        assert_eq!(outputs.hourly.len(), 1);
        assert!(outputs.legs.is_empty());
    }

    #[test]
    fn legs_count_and_sum_in_the_order_of_the_input() {
        let outputs = outputs_of("2013,1,1,0,N1,EWR,100,5,0\n2013,1,1,0,N2,EWR,7,5,0\n2013,1,1,-30,N1,EWR,50,5,0\n");
        assert_eq!(
            outputs.legs,
            [
                r#"{"tail_number":"N1","leg":1,"total_distance":100}"#,
                r#"{"tail_number":"N1","leg":2,"total_distance":150}"#,
                r#"{"tail_number":"N2","leg":1,"total_distance":7}"#,
            ]
        );
    }

    #[test]
    fn a_bad_number_is_named_by_row_and_column() {
        let error = read(format!("{HEADER}2013,1,1,soon,N1,EWR,1,5,0\n").as_bytes()).expect_err("not a number");
        assert_eq!(error.to_string(), r#"data row 0: dep_delay is "soon", not a whole number"#);
    }

    #[test]
    fn the_real_data_give_the_known_counts() {
        let flights = read_folder(real_data()).expect("the data are in the repository");
        assert_eq!(flights.len(), 336_776);
        assert_eq!(flights.iter().filter(|flight| flight.dep_delay.is_some()).count(), 328_521);
        let outputs = outputs(&flights);
        assert_eq!(
            outputs.folders().map(|(folder, lines)| (folder, lines.len())),
            [
                ("hourly", 20_640),
                ("late", 11_159),
                // Every departed flight of these data has a tail number.
                ("legs", 328_521),
            ]
        );
    }
}
