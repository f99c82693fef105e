//! After the end.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{ALL, at_a_place, ms, refused, snapshot};
use crate::{
    backend::BackendFactory,
    key_value::{Batch, KeyValueState},
    ttl::Ttl,
};
use gress_core::{ErrorKind, Result, Timestamp};

pub fn close_may_be_called_twice_and_every_later_call_says_closed(factory: &dyn BackendFactory) {
    let ttl = Ttl::after(ms(10));
    let expiring = [ttl, ttl.renewed_by_reads(), ttl.returning_expired(), ttl.in_event_time()].map(Some);
    for ttl in [None].into_iter().chain(expiring) {
        at_a_place(factory, |place| {
            let (_, state) = place.begin(ttl)?;
            let in_event_time = ttl.is_some_and(|ttl| ttl.clock == crate::ttl::TtlClock::Event);
            if in_event_time {
                state.advance_event_time(Timestamp::from_millis(1))?;
            }
            state.put(b"a", b"1")?;
            let stream = snapshot(&state)?;
            state.close()?;
            state.close()?;
            for (method, outcome) in every_call(&state, &stream, &place.fresh()) {
                let kind = outcome.expect_err(method).kind();
                assert_eq!(kind, ErrorKind::Closed, "{method}, {ttl:?}");
            }
            if in_event_time {
                refused(state.advance_event_time(Timestamp::from_millis(2)), ErrorKind::Closed);
            }
            // What was done is known for ever.
            assert_eq!(state.metrics().puts, 2);
            state.close()
        });
    }
}

fn every_call(state: &KeyValueState, stream: &[u8], checkpoint: &std::path::Path) -> Vec<(&'static str, Result<()>)> {
    let mut batch = Batch::default();
    batch.put(b"a", b"2");
    vec![
        ("get", state.get(b"a").map(drop)),
        ("get_with", state.get_with(b"a", |_| ()).map(drop)),
        ("contains_key", state.contains_key(b"a").map(drop)),
        ("batch_get", state.batch_get(["a", "b"]).map(drop)),
        ("batch_get of nothing", state.batch_get::<&str>([]).map(drop)),
        ("put", state.put(b"a", b"2")),
        ("delete", state.delete(b"a")),
        ("delete_range", state.delete_range(ALL)),
        ("delete_range of nothing", state.delete_range(super::place::range(b"b", b"a"))),
        ("batch_put", state.batch_put([("a", "2")])),
        ("batch_put of nothing", state.batch_put::<&str, &str>([])),
        ("batch_delete", state.batch_delete(["a"])),
        ("batch_delete of nothing", state.batch_delete::<&str>([])),
        ("write", state.write(&batch)),
        ("write of nothing", state.write(&Batch::default())),
        ("scan", state.scan(ALL, 1).map(drop)),
        ("scan_prefix", state.scan_prefix(b"a", 1).map(drop)),
        ("iter", state.iter(ALL).next().expect("an iterator tells its error").map(drop)),
        ("iter_prefix", state.iter_prefix(b"a").next().expect("an iterator tells its error").map(drop)),
        ("snapshot", state.snapshot(Vec::new()).map(drop)),
        ("restore", state.restore(stream).map(drop)),
        ("create_checkpoint", state.create_checkpoint(checkpoint).map(drop)),
        ("detailed_metrics", state.detailed_metrics().map(drop)),
        ("property", state.property("any").map(drop)),
        ("flush", state.flush()),
        ("compact", state.compact()),
        ("publish_metrics", state.publish_metrics("closed")),
    ]
}
