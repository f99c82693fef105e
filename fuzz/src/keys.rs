//! Keys in their order-preserving encoding: there is one encoding of a key, so what decodes encodes to the same bytes.

use gress_core::ordered;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Place {
    Nowhere,
    Airport(String),
    Gate { airport: Box<Place>, gate: Option<u16> },
    Route(Vec<Place>),
}

/// The first byte says which type the rest is taken for.
pub fn check(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 10 {
        0 => one_encoding::<u64>(bytes),
        1 => one_encoding::<(i64, i32, i16, i8, i128)>(bytes),
        2 => one_encoding::<String>(bytes),
        3 => one_encoding::<(String, Option<String>, bool)>(bytes),
        4 => one_encoding::<Vec<Vec<Option<u8>>>>(bytes),
        5 => one_encoding::<Place>(bytes),
        6 => one_encoding::<(f64, f32, char)>(bytes),
        7 => one_encoding::<[Option<Box<Place>>; 2]>(bytes),
        8 => one_encoding::<Vec<()>>(bytes),
        _ => a_map(bytes),
    }
}

fn one_encoding<K: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(key) = ordered::decode::<K>(bytes) {
        assert_eq!(encoded(&key), bytes, "a `{}` has one encoding", std::any::type_name::<K>());
    }
}

/// A map forgets the order in which it was given; whoever reads a store key compares (see the target `restore`).
fn a_map(bytes: &[u8]) {
    if let Ok(map) = ordered::decode::<BTreeMap<String, Place>>(bytes) {
        let again: BTreeMap<String, Place> = ordered::decode(&encoded(&map)).expect("what was encoded decodes");
        assert_eq!(again, map);
    }
}

pub(crate) fn encoded<K: Serialize>(key: &K) -> Vec<u8> {
    let mut bytes = Vec::new();
    ordered::encode(key, &mut bytes).expect("what was decoded encodes");
    bytes
}

/// One key of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let gate = || Place::Gate { airport: Place::Airport("JF\0K".into()).into(), gate: Some(7) };
    let parts = [
        encoded(&7_u64),
        encoded(&(-1_i64, 2_i32, -3_i16, 4_i8, -5_i128)),
        encoded(&"a\0b"),
        encoded(&("a", Some("b\0"), true)),
        encoded(&vec![vec![Some(1_u8), None], vec![]]),
        encoded(&Place::Route(vec![gate(), Place::Nowhere])),
        encoded(&(-0.5_f64, f32::NAN, 'ü')),
        encoded(&[Some(gate()), None]),
        encoded(&vec![(), ()]),
        encoded(&BTreeMap::from([("a", gate()), ("b", Place::Nowhere)])),
    ];
    parts.into_iter().enumerate().map(|(kind, bytes)| [&[kind as u8][..], &bytes].concat()).collect()
}
