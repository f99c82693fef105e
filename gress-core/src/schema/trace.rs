//! The source without data: it notes what it is asked for, and answers with dummies.
//!
//! A type that contains itself is visited no second time: the inner one becomes a way back, and is made frugally, as small
//! as it can be, so that what comes after it is still seen.

use super::access::{Entry, Parts, Variant};
use super::tree::{DUMMIES, Form, Kind, NodeId, Place, Shape, Tree, TypeKey};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use std::{
    any::type_name,
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Nodes visited, over all runs. A usual type takes a few dozen.
const VISITS_MAX: u32 = 100_000;
/// Nodes within one another, in one visit.
const DEPTH_MAX: usize = 64;

/// Integers and floats.
const NUMBERS: [u8; DUMMIES] = [0, 1, 2, 3, 10, 12, 20, 32, 64, 100];
const CHARS: [char; DUMMIES] = ['\0', '0', 'a', 'A', '1', ' ', '-', '/', 'z', 'Z'];
/// Texts that types often parse.
const TEXTS: [&str; DUMMIES] = [
    "",
    "0",
    "a",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00+00:00[UTC]",
    "1970-01-01",
    "00:00:00",
    "127.0.0.1",
    "00000000-0000-0000-0000-000000000000",
    "http://a/",
];
/// Lengths of bytes that types often demand.
const LENGTHS: [usize; DUMMIES] = [0, 16, 4, 8, 12, 20, 24, 32, 64, 1];

/// The tree of `T`, as far as it can be known.
pub(super) fn explore<T: DeserializeOwned>() -> Tree {
    let mut tracer = Tracer { tree: Tree::new(), open: Vec::new(), visits: 0, depth: 0, explained: false };
    loop {
        let before = tracer.tree.learnt;
        tracer.explained = false;
        let start = At { node: Tree::ROOT, dummy: 0, frugal: false };
        let _ = tracer.visit(start, PhantomData::<T>);
        if tracer.tree.is_settled() || tracer.tree.exhausted || tracer.tree.learnt == before {
            return tracer.tree;
        }
    }
}

/// A visit that ends without a value. Why, the tree knows.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dummy value was refused")
    }
}
impl std::error::Error for Refused {}
impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Refused
    }
}

/// Where a visit is, and in what manner.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) node: NodeId,
    /// Which dummy nodes further out are at.
    pub(super) dummy: usize,
    pub(super) frugal: bool,
}

/// A branch that is being visited.
struct Open {
    place: Place,
    frugal: bool,
    learnt_before: u64,
}

/// The tree, and where in it the current run is.
pub(super) struct Tracer {
    pub(super) tree: Tree,
    open: Vec<Open>,
    visits: u32,
    depth: usize,
    /// Whether the refusal on its way out has been noted where it began.
    pub(super) explained: bool,
}

impl Tracer {
    /// Makes a value of the node at `at`, and notes how it went.
    pub(super) fn visit<'de, S: DeserializeSeed<'de>>(&mut self, at: At, seed: S) -> Result<S::Value, Refused> {
        let (depth, open) = (self.depth, self.open.len());
        self.enter(at.node)?;
        let dummy = at.dummy.max(self.tree.node(at.node).dummy);
        let trace = Trace { tracer: self, at: At { dummy, ..at } };
        // Nothing is observed half changed: each change of the tree is complete before foreign code runs.
        let made = catch_unwind(AssertUnwindSafe(|| seed.deserialize(trace))).unwrap_or(Err(Refused));
        self.depth = depth;
        if made.is_ok() {
            self.explained = false;
            self.tree.accept(at.node);
        } else if !self.explained {
            self.explained = true;
            self.tree.refuse(at.node);
        }
        while self.open.len() > open {
            let Some(Open { place, frugal, learnt_before }) = self.open.pop() else { break };
            self.tree.close(place, made.is_ok(), frugal, learnt_before);
            self.tree.settle(place.node);
        }
        self.tree.settle(at.node);
        made
    }

    /// Counts a step inwards, which lasts until the visit of `node` ends.
    fn enter(&mut self, node: NodeId) -> Result<(), Refused> {
        self.visits += 1;
        if self.visits > VISITS_MAX {
            self.tree.exhausted = true;
            return self.give_up();
        }
        if self.depth >= DEPTH_MAX {
            if matches!(self.tree.node(node).shape, Shape::Unknown) {
                self.tree.note(node, Shape::Leaf("…"));
            }
            return self.give_up();
        }
        self.depth += 1;
        Ok(())
    }

    /// Ends the run, though no dummy is to blame.
    fn give_up<T>(&mut self) -> Result<T, Refused> {
        self.explained = true;
        Err(Refused)
    }

    /// Chooses a branch, which stays open until the visit of the node ends.
    fn choose(&mut self, at: At) -> Result<usize, Refused> {
        let Tracer { tree, open, .. } = self;
        let is_open = |place| open.iter().any(|open| open.place == place);
        let Some(branch) = tree.pick(at.node, at.dummy, at.frugal, is_open) else { return self.give_up() };
        let place = Place { node: at.node, branch };
        open.push(Open { place, frugal: at.frugal, learnt_before: tree.learnt });
        tree.open(place);
        Ok(branch)
    }
}

/// The source of one node's value.
pub(super) struct Trace<'t> {
    tracer: &'t mut Tracer,
    at: At,
}

impl<'t> Trace<'t> {
    /// Notes a value without parts. Returns which dummy to answer with.
    fn leaf(self, name: &'static str) -> usize {
        self.tracer.tree.note(self.at.node, Shape::Leaf(name));
        self.at.dummy
    }

    fn note(mut self, shape: Shape) -> Self {
        self.at.node = self.tracer.tree.note(self.at.node, shape);
        self
    }

    /// Notes a choice. Returns the branch to take.
    fn choice(self, kind: Kind) -> Result<(Self, Place), Refused> {
        let traced = self.note(Shape::choice(kind));
        let branch = traced.tracer.choose(traced.at)?;
        let node = traced.at.node;
        Ok((traced, Place { node, branch }))
    }

    /// The source for a type with a name: of an ancestor, where the type contains itself.
    fn named<V>(mut self, name: &'static str, parts: &'static [&'static str]) -> Self {
        let key = TypeKey { visitor: type_name::<V>(), name, parts };
        let tree = &mut self.tracer.tree;
        match tree.ancestor(self.at.node, key) {
            Some((ancestor, between)) => {
                tree.note(self.at.node, Shape::Back(between));
                self.at = At { node: ancestor, frugal: true, ..self.at };
            }
            None => tree.name(self.at.node, key),
        }
        self
    }

    fn parts(self, branch: usize, length: usize) -> Parts<'t> {
        let place = Place { node: self.at.node, branch };
        Parts { tracer: self.tracer, at: self.at, place, next: 0, length }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor.$visit(NUMBERS[self.leaf(stringify!($type))] as $type)
        }
    )*};
}

impl<'de> Deserializer<'de> for Trace<'_> {
    type Error = Refused;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128,
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64,
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bool(self.leaf("bool") % 2 == 1)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_char(CHARS[self.leaf("char")])
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_str(TEXTS[self.leaf("str")])
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bytes(&[0; 64][..LENGTHS[self.leaf("bytes")]])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.leaf("any") {
            0 => visitor.visit_unit(),
            1 => visitor.visit_bool(false),
            2 => visitor.visit_u64(0),
            dummy => visitor.visit_str(TEXTS[dummy - 3]),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.leaf("()");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.tracer.enter(self.at.node)?; // A newtype may contain nothing but itself.
        visitor.visit_newtype_struct(self.named::<V>(name, &[]))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let (traced, place) = self.choice(Kind::Option)?;
        if place.branch == 1 {
            return visitor.visit_none();
        }
        let part = traced.tracer.tree.part(place, 0);
        let at = At { node: part, ..traced.at };
        traced.tracer.visit(at, Inside(visitor))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let (traced, place) = self.choice(Kind::Sequence)?;
        visitor.visit_seq(traced.parts(place.branch, 1 - place.branch))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let (traced, place) = self.choice(Kind::Map)?;
        visitor.visit_map(Entry(traced.parts(place.branch, 2 - 2 * place.branch)))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(self.note(Shape::product(Form::Tuple(length))).parts(0, length))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.named::<V>(name, &[]).deserialize_tuple(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let traced = self.named::<V>(name, fields).note(Shape::product(Form::Struct(fields)));
        visitor.visit_seq(traced.parts(0, fields.len()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let (traced, place) = self.named::<V>(name, variants).choice(Kind::Enum(variants))?;
        let name = variants[place.branch];
        visitor.visit_enum(Variant { name, index: place.branch, parts: traced.parts(place.branch, 0) })
    }
}

/// The content of a `Some`, as a seed, so that it is visited like any other part.
struct Inside<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Inside<V> {
    type Value = V::Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(deserializer)
    }
}
