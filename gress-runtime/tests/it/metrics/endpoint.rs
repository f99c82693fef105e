//! The endpoint of a job that runs, asked over a socket.

use super::scrape::Scrape;
use crate::sums::{Count, config};
use gress_runtime::{
    ErrorKind, JobHandle,
    prelude::*,
    sink::{Committer, Prepare, Sink, Writer, WriterContext},
    source::Generate,
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
};

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn ask(address: SocketAddr, method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

fn metrics_of(address: SocketAddr) -> Scrape {
    Scrape::parse(&ask(address, "GET", "/metrics").body)
}

fn named(name: &str) -> Config {
    let mut config = Config { name: name.into(), ..config(1, 64) };
    config.metrics.address = Some((Ipv4Addr::LOCALHOST, 0).into());
    config
}

/// A job that runs until it is told to stop.
fn endless(name: &str) -> JobHandle {
    let job = Job::new(named(name));
    let numbers = job.source("numbers", Throttled::new(Generate::new(1, u64::MAX, |_, i| i), 10_000).unwrap());
    numbers.key_by(|n| n % 7).process("counts", |state| Count { seen: state.value("seen") }).sink("out", Discard);
    job.start().unwrap()
}

#[test]
fn two_paths_are_answered_to_get_and_head_and_nothing_else() {
    let running = endless("paths");
    let address = running.metrics_address().unwrap();
    let metrics = ask(address, "GET", "/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    assert!(metrics.body.contains("# HELP gress_events_total Records that the sources of the job have read."));
    let health = ask(address, "GET", "/healthz");
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    for path in ["/metrics", "/healthz"] {
        let head = ask(address, "HEAD", path);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let refused = ask(address, method, path);
            assert_eq!(refused.status, 405, "{method} {path}");
            assert!(refused.head.contains("allow: get, head"), "{}", refused.head);
        }
    }
    for path in ["/", "/metrics/", "/metrics/../healthz", "/healthz2", "/etc/passwd", "/Metrics"] {
        assert_eq!(ask(address, "GET", path).status, 404, "{path}");
    }
    assert_eq!(ask(address, "GET", "/healthz?verbose").status, 200, "a query changes nothing");
    running.stop();
    running.wait().unwrap();
    assert!(TcpStream::connect(address).is_err(), "the endpoint ends with its job");
}

#[test]
fn jobs_of_one_process_are_told_apart_by_their_label_at_any_of_their_addresses() {
    let (one, other) = (endless("one"), endless("other"));
    for address in [one.metrics_address().unwrap(), other.metrics_address().unwrap()] {
        for job in ["one", "other"] {
            while metrics_of(address).values("gress_events_total", &[("job", job)]).first().is_none_or(|n| *n == 0.0) {
                std::thread::yield_now();
            }
        }
    }
    for running in [one, other] {
        running.stop();
        running.wait().unwrap();
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_address_and_setting() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let mut config = named("taken");
    config.metrics.address = Some(address);
    let job = Job::new(config);
    job.source("numbers", FromVec::new(vec![1])).sink("out", Discard);
    let Err(error) = job.start() else { panic!("a taken port went unnoticed") };
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(text.contains("`metrics.address`") && text.contains(&address.to_string()), "{text}");
}

#[test]
fn a_job_that_has_failed_says_so_until_it_is_waited_for() {
    let job = Job::new(named("fails"));
    let numbers = job.source("numbers", FromVec::new((0..100_u64).collect::<Vec<_>>()));
    numbers.map(|n| if n == 70 { panic!("canary") } else { n }).sink("out", Discard);
    let running = job.start().unwrap();
    let address = running.metrics_address().unwrap();
    while !running.is_over() {
        std::thread::yield_now();
    }
    let health = ask(address, "GET", "/healthz");
    assert_eq!(health.status, 503);
    assert!(health.body.contains("failed (Operator)") && !health.body.contains("canary"), "{}", health.body);
    running.wait().unwrap_err();
}

#[test]
fn nonsense_and_silence_at_the_endpoint_do_not_reach_the_job() {
    let running = endless("nonsense");
    let address = running.metrics_address().unwrap();
    let silent: Vec<_> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
    for nonsense in [b"\0\0\0\0\r\n\r\n".repeat(100), b"GET /metrics HTTP/9.9\r\n\r\n".to_vec(), vec![b'a'; 1 << 20]] {
        let mut stream = TcpStream::connect(address).unwrap();
        // It may be closed before all of it is written.
        let _ = stream.write_all(&nonsense);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    let before = running.progress().events;
    assert_eq!(ask(address, "GET", "/healthz").status, 200);
    while running.progress().events <= before {
        std::thread::yield_now();
    }
    drop(silent);
    running.stop();
    running.wait().unwrap();
}

/// Takes nothing until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

impl<T: gress_runtime::Data> Sink<T> for Gate {
    fn open(&self, _: &WriterContext) -> Result<Box<dyn Writer<T>>> {
        Ok(Box::new(self.clone()))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl<T> Writer<T> for Gate {
    fn write(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
        events.clear();
        Ok(())
    }

    fn prepare(&mut self, _: gress_runtime::CheckpointId) -> Result<Option<Prepare>> {
        Ok(None)
    }
}

#[test]
fn a_sink_that_takes_nothing_shows_as_backpressure_upstream() {
    let (gate, job) = (Gate::default(), Job::new(named("blocked")));
    let numbers = job.source("numbers", FromVec::new((0..10_000_u64).collect::<Vec<_>>()));
    let counts = numbers.key_by(|n| n % 7).process("counts", |state| Count { seen: state.value("seen") });
    counts.sink("out", gate.clone());
    let running = job.start().unwrap();
    let address = running.metrics_address().unwrap();
    let source = [("job", "blocked"), ("operator", "numbers")];
    let name = "gress_task_backpressured_milliseconds_total";
    while metrics_of(address).values(name, &source).first().is_none_or(|waited| *waited == 0.0) {
        std::thread::yield_now();
    }
    assert!(running.progress().events < 10_000, "a full channel stops the source");
    gate.open();
    while !running.is_over() {
        std::thread::yield_now();
    }
    let scrape = metrics_of(address);
    assert_eq!(scrape.sum("gress_task_events_out_total", &source), 10_000.0);
    assert_eq!(scrape.sum("gress_task_events_in_total", &[("job", "blocked"), ("operator", "counts")]), 10_000.0);
    running.wait().unwrap();
}
