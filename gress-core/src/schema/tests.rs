//! Every shape a value of a state may have, and types that make it hard to see one.

use super::{Schema, schema_of};
use crate::codec;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::IpAddr,
    num::{NonZeroI32, NonZeroU64},
    ops::{Bound, Range},
    time::Duration,
};

fn text<T: DeserializeOwned>() -> String {
    schema_of::<T>().to_string()
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Count {
    n: u64,
    sum: i64,
    tail: Option<String>,
}

#[derive(Deserialize)]
struct Node {
    #[expect(dead_code, reason = "only its shape matters")]
    next: Option<Box<Node>>,
}

#[test]
fn values_without_parts_are_named_as_in_rust() {
    assert_eq!(text::<(u8, u16, u32, u64, u128)>(), "(u8,u16,u32,u64,u128)");
    assert_eq!(text::<(i8, i16, i32, i64, i128)>(), "(i8,i16,i32,i64,i128)");
    assert_eq!(text::<(bool, char, f32, f64, String)>(), "(bool,char,f32,f64,str)");
    assert_eq!(text::<(usize, isize)>(), "(u64,i64)");
    assert_eq!(text::<()>(), "()");
    assert_eq!(text::<std::ffi::CString>(), "bytes");
}

#[test]
fn unsigned_and_signed_differ() {
    assert_ne!(schema_of::<u64>(), schema_of::<i64>());
    assert_ne!(schema_of::<Vec<Option<u64>>>(), schema_of::<Vec<Option<i64>>>());
}

#[test]
fn containers_show_what_is_in_them() {
    assert_eq!(text::<Option<u64>>(), "u64?");
    assert_eq!(text::<Option<Option<u64>>>(), "u64??");
    assert_eq!(text::<Vec<u8>>(), "[u8]");
    assert_eq!(text::<Vec<Vec<Option<(u8, i8)>>>>(), "[[(u8,i8)?]]");
    assert_eq!(text::<(VecDeque<u8>, BTreeSet<u8>, HashSet<u8>)>(), "([u8]*3)");
    assert_eq!(text::<(u64, i32)>(), "(u64,i32)");
    assert_eq!(text::<([u8; 32], i8)>(), "((u8*32),i8)");
    assert_eq!(text::<BTreeMap<String, Vec<u64>>>(), "map<str,[u64]>");
}

#[test]
fn hashed_and_sorted_maps_are_the_same() {
    assert_eq!(schema_of::<HashMap<String, u64>>(), schema_of::<BTreeMap<String, u64>>());
}

#[test]
fn boxes_leave_no_trace() {
    assert_eq!(text::<Box<(Box<u64>, Box<str>, Box<[u8]>)>>(), "(u64,str,[u8])");
}

#[test]
fn types_of_std_have_a_shape() {
    assert_eq!(text::<Duration>(), "{secs:u64,nanos:u32}");
    assert_eq!(text::<Range<u32>>(), "{start:u32,end:u32}");
    assert_eq!(text::<Result<u8, String>>(), "enum{Ok(u8),Err(str)}");
    assert_eq!(text::<Bound<u8>>(), "enum{Unbounded,Included(u8),Excluded(u8)}");
    assert_eq!(text::<IpAddr>(), "enum{V4((u8*4)),V6((u8*16))}");
    assert_eq!(text::<std::marker::PhantomData<Count>>(), "()");
    assert_eq!(text::<crate::Timestamp>(), "i64");
}

#[test]
fn structs_show_their_fields_but_not_their_name() {
    mod elsewhere {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only its shape matters")]
        pub(super) struct Tally {
            n: u64,
            sum: i64,
            tail: Option<String>,
        }
    }
    assert_eq!(text::<Count>(), "{n:u64,sum:i64,tail:str?}");
    assert_eq!(schema_of::<elsewhere::Tally>(), schema_of::<Count>());
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn fields_renamed_or_in_another_order_are_another_schema() {
    #[derive(Deserialize)]
    struct Renamed {
        m: u64,
        sum: i64,
        tail: Option<String>,
    }
    #[derive(Deserialize)]
    struct Reordered {
        sum: i64,
        n: u64,
        tail: Option<String>,
    }
    assert_ne!(schema_of::<Renamed>(), schema_of::<Count>());
    assert_ne!(schema_of::<Reordered>(), schema_of::<Count>());
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn newtypes_are_what_they_contain_and_tuple_structs_are_tuples() {
    #[derive(Deserialize)]
    struct Unit;
    #[derive(Deserialize)]
    struct Meters(f64);
    #[derive(Deserialize)]
    struct Pair(Meters, Unit);
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Clear {
        pair: Pair,
    }
    assert_eq!(text::<Meters>(), "f64");
    assert_eq!(text::<Clear>(), "(f64,())");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn a_skipped_field_is_absent_and_a_default_changes_nothing() {
    #[derive(Deserialize)]
    struct Attributes {
        #[serde(skip)]
        cache: Option<Box<Attributes>>,
        #[serde(default)]
        n: u64,
        #[serde(rename = "total: u64")]
        sum: i64,
    }
    assert_eq!(text::<Attributes>(), r#"{n:u64,"total: u64":i64}"#);
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn aliases_are_listed_since_serde_lists_them() {
    #[derive(Deserialize)]
    struct Fields {
        #[serde(alias = "was_a")]
        a: u64,
        b: i64,
    }
    #[derive(Deserialize)]
    enum Variants {
        #[serde(alias = "WasA")]
        A(u64),
        B(i64),
    }
    assert_eq!(text::<Fields>(), "{a,was_a,b:(u64,i64)}");
    assert_eq!(text::<Variants>(), "enum{A(u64),WasA(u64),B(i64)}");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn enums_show_every_variant() {
    #[derive(Deserialize)]
    enum Shape {
        A,
        B(u64),
        C { x: u8 },
        D(u8, Option<i8>),
        E((u8, i8)),
        F(),
    }
    assert_eq!(text::<Shape>(), "enum{A,B(u64),C{x:u8},D(u8,i8?),E((u8,i8)),F()}");
    #[derive(Deserialize)]
    enum Never {}
    assert_eq!(text::<(u8, Never, u8)>(), "(u8,enum{},_)");
    assert_eq!(text::<(Option<Never>, u8)>(), "(enum{}?,u8)");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn enums_within_enums_show_every_variant() {
    #[derive(Deserialize)]
    enum Leaf {
        L(u8),
        M(i8),
        N,
    }
    #[derive(Deserialize)]
    enum Middle {
        P { a: Leaf, b: Option<Leaf> },
        Q(Vec<Leaf>, BTreeMap<Leaf2, Leaf>),
        R,
    }
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Leaf2 {
        S,
        T(u16),
    }
    #[derive(Deserialize)]
    enum Top {
        X(Middle, Middle),
        Y(Leaf),
        Z { m: Middle },
    }
    let leaf = "enum{L(u8),M(i8),N}";
    let middle = format!("enum{{P{{a:{leaf},b:{leaf}?}},Q([{leaf}],map<enum{{S,T(u16)}},{leaf}>),R}}");
    assert_eq!(text::<Middle>(), middle);
    let whole = format!("enum{{X({middle}*2),Y({leaf}),Z{{m:{middle}}}}}");
    assert_eq!(text::<Top>(), whole);
}

/// Enums within enums, so many levels deep, with six variants each.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
enum Six<T, U> {
    A(T),
    B(U),
    C { t: T, u: U },
    D(Vec<T>),
    E(Option<U>),
    F,
}
type Wide<T, U> = Six<Six<Six<T, u8>, i8>, Six<u16, Six<i16, U>>>;

#[test]
fn an_enum_with_many_nested_enums_is_cut_and_hashed_as_a_whole() {
    let schema = schema_of::<(Wide<u32, u64>, u64)>();
    assert!(schema.as_str().len() <= 512 && schema.as_str().contains("…#"), "{schema}");
    let other = schema_of::<(Wide<u32, u64>, i64)>();
    assert_eq!(schema.as_str()[..490], other.as_str()[..490], "the difference is far behind");
    assert_ne!(schema, other);
    assert_eq!(schema, schema_of::<(Wide<u32, u64>, u64)>());
}

#[test]
fn a_type_too_large_to_explore_still_has_a_schema() {
    type Huge = Wide<Wide<Wide<u8, i8>, Wide<u8, i8>>, Wide<Wide<u8, i8>, Wide<u8, i8>>>;
    assert_eq!(schema_of::<Huge>(), schema_of::<Huge>());
    assert!(schema_of::<Huge>().as_str().len() <= 512);
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn recursion_ends_in_a_way_back() {
    #[derive(Deserialize)]
    struct Tree {
        children: Vec<Tree>,
        by_name: BTreeMap<String, Tree>,
        n: u64,
    }
    #[derive(Deserialize)]
    struct List(Vec<List>);
    assert_eq!(text::<Node>(), "{next:^?}");
    assert_eq!(text::<Tree>(), "{children:[^1],by_name:map<str,^1>,n:u64}");
    assert_eq!(text::<List>(), "[^]");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn what_follows_a_recursive_part_is_seen() {
    #[derive(Deserialize)]
    enum Expr {
        Add(Box<Expr>, Box<Expr>),
        Scale { by: Box<Expr>, factor: f64 },
        Call(String, Vec<Expr>, Kind),
        Literal(i64),
    }
    #[derive(Deserialize)]
    enum Kind {
        Pure,
        Lazy(Option<Box<Expr>>),
    }
    let expected = "enum{Add(^*2),Scale{by:^,factor:f64},Call(str,[^1],enum{Pure,Lazy(^1?)}),Literal(i64)}";
    assert_eq!(text::<Expr>(), expected);

    #[derive(Deserialize)]
    struct Late {
        parent: Option<(Box<Late>, u64)>,
        kind: Kind2,
    }
    #[derive(Deserialize)]
    enum Kind2 {
        A,
        B(Box<Late>, i8),
    }
    assert_eq!(text::<Late>(), "{parent:(^1,u64)?,kind:enum{A,B(^1,i8)}}");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn a_way_back_says_how_far() {
    #[derive(Deserialize)]
    struct Outer<T> {
        inner: Option<Box<Inner<T>>>,
    }
    #[derive(Deserialize)]
    struct Inner<T> {
        to: Option<T>,
    }
    #[derive(Deserialize)]
    struct Far(Outer<Far2>);
    #[derive(Deserialize)]
    struct Far2(Box<Outer<Far2>>);
    #[derive(Deserialize)]
    struct Near(Outer<Near2>);
    #[derive(Deserialize)]
    struct Near2(Box<Inner<Near2>>);
    assert_eq!(text::<Far>(), "{inner:{to:^1?}?}");
    assert_eq!(text::<Near>(), "{inner:{to:^?}?}");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn a_generic_type_within_itself_is_no_recursion() {
    #[derive(Deserialize)]
    struct Stamped<T> {
        at: i64,
        value: T,
    }
    assert_eq!(text::<Stamped<Stamped<u64>>>(), "{at:i64,value:{at:i64,value:u64}}");
}

#[test]
fn numbers_that_refuse_zero_are_marked_and_what_follows_is_seen() {
    assert_eq!(text::<NonZeroU64>(), "u64!");
    assert_eq!(text::<(NonZeroU64, Option<NonZeroI32>, i64)>(), "(u64!,i32!?,i64)");
    assert_eq!(text::<Vec<NonZeroU64>>(), "[u64!]");
}

/// A type that is read from its text.
struct Parsed;
impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "what no dummy is" { Ok(Parsed) } else { Err(serde::de::Error::custom("not what I parse")) }
    }
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn a_type_that_no_dummy_satisfies_hides_only_what_must_come_after_it() {
    #[derive(Deserialize)]
    struct Row {
        n: u64,
        id: Parsed,
        sum: i64,
    }
    #[derive(Deserialize)]
    enum Key {
        Id(Parsed, u8),
        Row { row: Option<Row>, n: u64 },
        Number(u64),
    }
    assert_eq!(text::<Parsed>(), "str!");
    assert_eq!(text::<Row>(), "{n:u64,id:str!,sum:_}");
    assert_eq!(text::<(Option<Parsed>, Vec<Parsed>, BTreeMap<u8, Parsed>, i8)>(), "(str!?,[str!],map<u8,str!>,i8)");
    assert_eq!(text::<Key>(), "enum{Id(str!,_),Row{row:{n:u64,id:str!,sum:_}?,n:u64},Number(u64)}");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn texts_of_usual_formats_are_guessed() {
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    struct Address(IpAddr);
    impl TryFrom<String> for Address {
        type Error = std::net::AddrParseError;
        fn try_from(text: String) -> Result<Self, Self::Error> {
            text.parse().map(Address)
        }
    }
    assert_eq!(text::<(Address, u64)>(), "(str!,u64)");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn a_checked_struct_is_marked_as_a_whole() {
    #[derive(Deserialize)]
    struct Raw {
        n: u64,
        kind: Option<bool>,
    }
    #[derive(Deserialize)]
    #[serde(try_from = "Raw")]
    struct Checked(u64);
    impl TryFrom<Raw> for Checked {
        type Error = &'static str;
        fn try_from(raw: Raw) -> Result<Self, Self::Error> {
            if raw.n > 5 { Ok(Checked(raw.n)) } else { Err("too small") }
        }
    }
    assert_eq!(text::<(Checked, i8)>(), "({n:u64,kind:bool?}!,i8)");
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn tagged_and_untagged_enums_and_flattened_structs_do_no_harm() {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        A { x: u8 },
        B(String),
    }
    #[derive(Deserialize)]
    #[serde(tag = "kind")]
    enum Internal {
        A { x: u8 },
        B,
    }
    #[derive(Deserialize)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        A(u64),
        B { x: u8 },
        C(Vec<i8>),
    }
    #[derive(Deserialize)]
    struct Flat {
        n: u64,
        #[serde(flatten)]
        rest: Count,
    }
    assert_eq!(text::<(Untagged, u8)>(), "(any!,u8)");
    assert_eq!(text::<(Internal, u8)>(), "(any!,_)");
    assert_eq!(text::<Adjacent>(), "{t:str!,c:_}");
    assert_eq!(text::<(Flat, u8)>(), "(map<str,any>!,_)");
    assert_eq!(text::<serde::de::IgnoredAny>(), "any");
}

#[test]
fn a_value_whose_type_depends_on_another_shows_all_its_types() {
    struct Tagged;
    #[derive(Deserialize)]
    enum Tag {
        A,
        B,
        C,
    }
    impl<'de> serde::de::Visitor<'de> for Tagged {
        type Value = Tagged;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a tag and a value")
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut parts: A) -> Result<Tagged, A::Error> {
            match parts.next_element()? {
                Some(Tag::A) => drop(parts.next_element::<u64>()?),
                Some(Tag::B) => drop(parts.next_element::<Vec<i8>>()?),
                Some(Tag::C) | None => drop(parts.next_element::<Option<u8>>()?),
            }
            Ok(Tagged)
        }
    }
    impl<'de> Deserialize<'de> for Tagged {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_tuple(2, Tagged)
        }
    }
    assert_eq!(text::<(Tagged, u8)>(), "((enum{A,B,C},u64|[i8]|u8?),u8)");
}

#[test]
fn a_deserialize_that_panics_counts_as_one_that_refuses() {
    struct Rash;
    impl<'de> Deserialize<'de> for Rash {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            panic!("nobody expects {}", u64::deserialize(deserializer)?);
        }
    }
    assert_eq!(text::<(Option<Rash>, u8, Rash, u8)>(), "(u64!?,u8,u64!,_)");
}

#[test]
fn a_deserialize_that_never_stops_asking_is_stopped() {
    struct Endless;
    impl<'de> Deserialize<'de> for Endless {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            <(Endless, Endless)>::deserialize(deserializer).map(|_| Endless)
        }
    }
    let schema = schema_of::<Endless>();
    assert!(schema.as_str().starts_with("((((("), "{schema}");
    assert_eq!(schema, schema_of::<Endless>());
}

#[test]
#[expect(dead_code, reason = "only their shapes matter")]
fn a_type_without_finite_values_has_a_schema() {
    #[derive(Deserialize)]
    struct Loop {
        again: Box<Loop>,
        n: u64,
    }
    #[derive(Deserialize)]
    struct Nothing(Box<Nothing>);
    #[derive(Deserialize)]
    enum Ever {
        Again(Box<Ever>),
    }
    assert_eq!(text::<Loop>(), "{again:^,n:_}");
    assert_eq!(text::<Nothing>(), "…");
    assert_eq!(text::<Ever>(), "enum{Again(^)}");
}

#[test]
fn a_value_that_is_dropped_on_error_does_not_stop_what_follows() {
    fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Parsed>, D::Error> {
        Ok(Parsed::deserialize(deserializer).ok())
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Lenient {
        #[serde(deserialize_with = "lenient")]
        parsed: Option<Parsed>,
        n: u64,
    }
    assert_eq!(text::<Lenient>(), "{parsed:str,n:u64}");
}

#[test]
fn a_schema_is_written_as_its_text() {
    let schema = schema_of::<Count>();
    let mut bytes = Vec::new();
    codec::encode(&schema, &mut bytes).unwrap();
    assert_eq!(codec::decode::<String>(&bytes).unwrap(), schema.as_str());
    assert_eq!(codec::decode::<Schema>(&bytes).unwrap(), schema);
    assert_eq!(text::<Schema>(), "str");
}

/// The order in which the schema lists parts is the order in which the codec writes them.
#[test]
fn the_codec_asks_as_the_trace_does() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    enum Kind {
        A,
        #[serde(rename = "was B")]
        B {
            x: u8,
            y: i8,
        },
    }
    let mut bytes = Vec::new();
    codec::encode(&Kind::B { x: 1, y: -1 }, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 1, 0xff]);
    assert_eq!(codec::decode::<Kind>(&bytes).unwrap(), Kind::B { x: 1, y: -1 });
    assert_eq!(text::<Kind>(), r#"enum{A,"was B"{x:u8,y:i8}}"#);
}
