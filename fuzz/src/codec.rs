//! Typed values: what decodes encodes to the same bytes, as far as the type has an order of its own, else to the same value.

use gress_core::codec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
};

#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Flight {
    seq: u64,
    tail: Option<String>,
    delay: Option<i64>,
    flags: (bool, char, u8, i8),
    stops: Vec<Stop>,
}

#[derive(PartialEq, Debug, Serialize, Deserialize)]
enum Stop {
    Unknown,
    Airport(String),
    Position { lat: i32, lon: i32 },
    Both(Box<Stop>, Box<Stop>),
    Many(VecDeque<Stop>),
}

type Nested = Vec<Vec<Vec<Option<Vec<u64>>>>>;
type Numbers = (u16, i16, u32, i32, u64, i64, u128, i128);

/// The first byte says which type the rest is taken for.
pub fn check(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 14 {
        0 => same_bytes::<u64>(bytes),
        1 => same_bytes::<Vec<u64>>(bytes),
        2 => same_bytes::<String>(bytes),
        3 => same_bytes::<Option<(u32, String)>>(bytes),
        4 => same_bytes::<Flight>(bytes),
        5 => same_bytes::<Stop>(bytes),
        6 => same_bytes::<Numbers>(bytes),
        7 => same_bytes::<Nested>(bytes),
        8 => same_bytes::<Vec<()>>(bytes),
        9 => same_bytes::<[Vec<u8>; 3]>(bytes),
        10 => same_bytes::<Vec<u128>>(bytes),
        11 => same_value::<BTreeMap<String, Vec<Option<i64>>>>(bytes),
        12 => same_value::<BTreeMap<BTreeSet<u8>, BTreeMap<(), Stop>>>(bytes),
        _ => same_bytes::<Vec<(char, Option<Box<str>>)>>(bytes),
    }
}

fn same_bytes<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(value) = codec::decode::<T>(bytes) {
        assert_eq!(encoded(&value), bytes, "a `{}` has one encoding", std::any::type_name::<T>());
    }
}

/// A map may be given in any order, and a key several times.
fn same_value<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(value) = codec::decode::<T>(bytes) {
        let again = encoded(&value);
        assert!(again.len() <= bytes.len());
        assert_eq!(codec::decode::<T>(&again).expect("what was encoded decodes"), value);
    }
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes).expect("what was decoded encodes");
    assert_eq!(codec::encoded_len(value), bytes.len());
    bytes
}

/// One value of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let airport = |name: &str| Stop::Airport(name.to_owned());
    let stops = || vec![airport("JFK"), Stop::Unknown, Stop::Both(airport("LAX").into(), Stop::Unknown.into())];
    let position = || Stop::Position { lat: -1, lon: 70_000 };
    let flight =
        Flight { seq: 7, tail: Some("N14228".into()), delay: Some(-4), flags: (true, 'ü', 200, -1), stops: stops() };
    let numbers: Numbers = (300, -300, 70_000, -70_000, 1 << 40, -(1 << 40), 1 << 100, -(1 << 100));
    let map = BTreeMap::from([("a".to_owned(), vec![Some(1_i64), None]), ("b".to_owned(), Vec::new())]);
    let odd = BTreeMap::from([(BTreeSet::from([1_u8, 2]), BTreeMap::from([((), position())]))]);
    let parts = [
        encoded(&(1_u64 << 40)),
        encoded(&vec![1_u64, 251, 65_536]),
        encoded(&"a text"),
        encoded(&Some((7_u32, "text"))),
        encoded(&flight),
        encoded(&Stop::Many(stops().into_iter().chain([position()]).collect())),
        encoded(&numbers),
        encoded(&vec![vec![vec![None, Some(vec![1_u64, 2])]]]),
        encoded(&vec![(); 9]),
        encoded(&[vec![1_u8], vec![], vec![2, 3]]),
        encoded(&vec![1_u128, 1 << 90]),
        encoded(&map),
        encoded(&odd),
        encoded(&vec![('a', Some("b")), ('€', None)]),
    ];
    parts.into_iter().enumerate().map(|(kind, bytes)| [&[kind as u8][..], &bytes].concat()).collect()
}
