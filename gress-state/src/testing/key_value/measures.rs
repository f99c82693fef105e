//! What a state tells of its work.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{ALL, at_a_place, refused};
use crate::{
    backend::BackendFactory,
    key_value::{Batch, KEY_BYTES_MAX, Operation},
};
use gress_core::ErrorKind;

pub fn metrics_count_what_was_done(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"abc", b"12345")?;
        state.put(b"b", b"")?;
        state.get(b"abc")?;
        state.get(b"b")?;
        state.get(b"absent")?;
        state.contains_key(b"absent")?;
        state.delete(b"b")?;
        state.delete_range(super::place::range(b"x", b"y"))?;
        state.batch_put([("k", "vv"), ("l", "ww")])?;
        state.batch_delete(["l"])?;
        let mut batch = Batch::default();
        batch.put(b"m", b"xxx").delete(b"n");
        state.write(&batch)?;
        state.batch_get(["abc", "k", "absent", "absent"])?;
        state.scan(ALL, 10)?;
        assert_eq!(state.iter(ALL).count(), 3);
        refused(state.put(&[0; KEY_BYTES_MAX + 1], b""), ErrorKind::Argument);
        refused(state.scan(ALL, 0), ErrorKind::Argument);

        let metrics = state.metrics();
        let counts = [metrics.gets, metrics.puts, metrics.deletes, metrics.batches, metrics.scans, metrics.multi_gets];
        assert_eq!(counts, [4, 3, 2, 3, 3, 1]);
        assert_eq!(metrics.errors, 2);
        assert_eq!(metrics.misses, 3, "a key that a batch asks for twice is read once");
        let entries = 3 + 5 + 1 + 2 + 1 + 3;
        assert_eq!(metrics.bytes_read, 5 + (5 + 2) + 2 * entries);
        assert_eq!(metrics.bytes_written, 8 + 1 + 1 + (3 + 3) + 1 + (4 + 1));
        let map = metrics.to_map();
        assert_eq!((map["gets"], map["puts"], map["errors"], map["misses"]), (4, 3, 2, 3));
        assert!(metrics.to_string().starts_with("gets 4 (misses 3), puts 3, deletes 2, batches 3"), "{metrics}");

        let detailed = state.detailed_metrics()?;
        assert_eq!((detailed.backend, &detailed.operations), (factory.name(), &metrics));
        assert!(detailed.stats.entries >= 3);
        state.close()
    });
}

pub fn operations_are_timed_as_often_as_was_asked(factory: &dyn BackendFactory) {
    for (sampling, timed) in [(0, 0), (1, 100), (10, 10), (16, 7), (1_000, 1)] {
        at_a_place(factory, |place| {
            let state = place.open_with(place.options(None).latency_sampling(sampling))?;
            for n in 0..100_u32 {
                state.put(&n.to_be_bytes(), b"v")?;
                state.get(&n.to_be_bytes())?;
                state.batch_get([n.to_be_bytes()])?;
                state.batch_put([(n.to_be_bytes(), b"v")])?;
                state.scan(ALL, 1)?;
                state.delete(&n.to_be_bytes())?;
            }
            let metrics = state.metrics();
            for operation in Operation::ALL {
                let latency = metrics.latency(operation);
                assert_eq!(latency.timed, timed, "{operation:?}, one of {sampling}");
                let ordered = [latency.p50, latency.p95, latency.p99, latency.p999, latency.max];
                assert!(ordered.is_sorted() && (ordered[0].is_zero() == (timed == 0)), "{latency:?}");
                let named = format!("{}_latency_avg_us", operation.name());
                assert_eq!(metrics.to_map().contains_key(&named), timed > 0);
            }
            state.close()
        });
    }
}

pub fn an_unknown_property_is_none_and_the_backend_is_named(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        assert_eq!(state.property("no.such.property")?, None);
        assert_eq!(state.property("")?, None);
        assert_eq!(state.detailed_metrics()?.backend, factory.name());
        state.close()
    });
}
