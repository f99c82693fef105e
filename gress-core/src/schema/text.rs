//! The tree as text. [The parent module](super) has the table of signs.

use super::tree::{Branch, Form, Kind, NodeId, Shape, Tree};
use xxhash_rust::xxh3::xxh3_64;

/// Longest text that is kept whole.
const BYTES_MAX: usize = 512;

/// The whole text of a tree.
pub(super) fn of(tree: &Tree) -> String {
    let unseen = if tree.exhausted { "…" } else { "_" };
    Writer { tree, unseen }.node(Tree::ROOT)
}

/// `text`, or as much of it as fits, then `…#` and the hash of all of it.
pub(super) fn shortened(text: String) -> String {
    if text.len() <= BYTES_MAX {
        return text;
    }
    let tail = format!("…#{:016x}", xxh3_64(text.as_bytes()));
    let kept = (0..=BYTES_MAX - tail.len()).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}{tail}", &text[..kept])
}

struct Writer<'t> {
    tree: &'t Tree,
    /// What stands for a part that no run reached.
    unseen: &'static str,
}

impl Writer<'_> {
    fn node(&self, id: NodeId) -> String {
        let node = self.tree.node(id);
        let mut text = match &node.shape {
            Shape::Unknown => self.unseen.to_owned(),
            Shape::Leaf(name) => (*name).to_owned(),
            Shape::Back(0) => "^".to_owned(),
            Shape::Back(between) => format!("^{between}"),
            Shape::Product(branch) => self.product(branch, node.accepted),
            Shape::Choice { kind, branches, .. } => self.choice(*kind, branches),
        };
        if node.refused {
            text.push('!');
        }
        if let Some(or) = node.or {
            text = format!("{text}|{}", self.node(or));
        }
        text
    }

    fn choice(&self, kind: Kind, branches: &[Branch]) -> String {
        let part = |index| match branches.first().and_then(|branch| branch.parts.get(index)) {
            Some(part) => self.node(*part),
            None => self.unseen.to_owned(),
        };
        match kind {
            Kind::Option => {
                let inside = part(0);
                if inside.contains('|') { format!("({inside})?") } else { format!("{inside}?") }
            }
            Kind::Sequence => format!("[{}]", part(0)),
            Kind::Map => format!("map<{},{}>", part(0), part(1)),
            Kind::Enum(variants) => {
                let variants = variants.iter().zip(branches);
                let variants = variants.map(|(name, branch)| label(name) + &self.variant(branch));
                format!("enum{{{}}}", variants.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn variant(&self, branch: &Branch) -> String {
        match branch.form {
            Form::Unknown => format!("({})", self.unseen),
            Form::Unit => String::new(),
            Form::One => format!("({})", self.list(&branch.parts, 1)),
            Form::Tuple(_) | Form::Struct(_) => self.product(branch, branch.accepted),
        }
    }

    /// `accepted`: whether all parts that are ever asked for are known.
    fn product(&self, branch: &Branch, accepted: bool) -> String {
        let parts = &branch.parts;
        let Form::Struct(fields) = branch.form else {
            let length = if let Form::Tuple(length) = branch.form { length } else { parts.len() };
            return format!("({})", self.list(parts, length));
        };
        if accepted && parts.len() < fields.len() {
            let names = fields.iter().map(|name| label(name)).collect::<Vec<_>>().join(",");
            return format!("{{{names}:({})}}", self.list(parts, parts.len()));
        }
        let value = |index| parts.get(index).map_or_else(|| self.unseen.to_owned(), |part| self.node(*part));
        let fields = fields.iter().enumerate().map(|(index, name)| format!("{}:{}", label(name), value(index)));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    /// Parts between commas, `u8*3` for three of a kind.
    fn list(&self, parts: &[NodeId], length: usize) -> String {
        let mut runs: Vec<(String, usize)> = Vec::new();
        let mut add = |text: String, times: usize| match runs.last_mut() {
            Some((last, n)) if *last == text => *n += times,
            _ => runs.push((text, times)),
        };
        for part in parts {
            add(self.node(*part), 1);
        }
        if length > parts.len() {
            add(self.unseen.to_owned(), length - parts.len());
        }
        let runs = runs.into_iter().map(|(text, times)| if times == 1 { text } else { format!("{text}*{times}") });
        runs.collect::<Vec<_>>().join(",")
    }
}

/// A field's or variant's name; in quotes where it could be mistaken for something else.
fn label(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if plain { name.to_owned() } else { format!("{name:?}") }
}
