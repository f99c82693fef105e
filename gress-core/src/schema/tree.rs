//! What has been learnt of a type so far: a tree of nodes, and at each choice what remains to be tried.
//!
//! A node is settled when another run would teach nothing about it. A branch that fails again and again without teaching
//! anything settles too, so that exploration ends whatever a `Deserialize` does.

/// Fruitless runs after which a branch is given up.
const FRUITLESS_RUNS_MAX: u8 = 2;
/// How many dummies each kind of value has.
pub(super) const DUMMIES: usize = 10;

/// A node's place in its tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NodeId(usize);

/// Which Rust type starts at a node: names that are compared during exploration and appear nowhere.
///
/// The visitor's type name tells apart what serde's name does not: `Pair<Pair<u8>>` is no recursion.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct TypeKey {
    pub(super) visitor: &'static str,
    pub(super) name: &'static str,
    pub(super) parts: &'static [&'static str],
}

/// How parts are held together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Form {
    Unknown,
    Unit,
    /// One part without brackets of its own: the content of a newtype variant, an option or a sequence.
    One,
    Tuple(usize),
    Struct(&'static [&'static str]),
}

/// What choice a node offers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kind {
    Option,
    Sequence,
    Map,
    Enum(&'static [&'static str]),
}

/// One way in which a choice can go: a variant; or `Some`, one element, one entry, against none.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) form: Form,
    pub(super) parts: Vec<NodeId>,
    pub(super) accepted: bool,
    settled: bool,
    tries: u32,
    fruitless: u8,
}

impl Branch {
    fn new(form: Form) -> Self {
        Branch { form, parts: Vec::new(), accepted: false, settled: false, tries: 0, fruitless: 0 }
    }

    /// The way of a choice that holds nothing: there is nothing to learn from it.
    fn nothing() -> Self {
        Branch { accepted: true, settled: true, ..Branch::new(Form::Unit) }
    }
}

/// What a node was asked for.
#[derive(Debug)]
pub(super) enum Shape {
    Unknown,
    /// A value without parts, under its name.
    Leaf(&'static str),
    /// The type of an ancestor, so many containers out.
    Back(usize),
    /// A tuple or struct: a single branch.
    Product(Branch),
    /// `base` is the branch that was accepted first: it therefore does not contain the node's own type.
    Choice {
        kind: Kind,
        branches: Vec<Branch>,
        base: Option<usize>,
    },
}

impl Shape {
    pub(super) fn product(form: Form) -> Self {
        Shape::Product(Branch::new(form))
    }

    pub(super) fn choice(kind: Kind) -> Self {
        let branches = match kind {
            Kind::Option | Kind::Sequence => vec![Branch::new(Form::One), Branch::nothing()],
            Kind::Map => vec![Branch::new(Form::Tuple(2)), Branch::nothing()],
            Kind::Enum(variants) => variants.iter().map(|_| Branch::new(Form::Unknown)).collect(),
        };
        Shape::Choice { kind, branches, base: None }
    }

    /// Whether both were asked for in the same way, whatever is known of their parts.
    fn is_like(&self, other: &Shape) -> bool {
        match (self, other) {
            (Shape::Leaf(a), Shape::Leaf(b)) => a == b,
            (Shape::Back(a), Shape::Back(b)) => a == b,
            (Shape::Product(a), Shape::Product(b)) => a.form == b.form,
            (Shape::Choice { kind: a, .. }, Shape::Choice { kind: b, .. }) => a == b,
            _ => false,
        }
    }
}

/// One place in the type.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) shape: Shape,
    /// What else was asked for at the same place, in another run.
    pub(super) or: Option<NodeId>,
    /// Whether a dummy was ever refused here.
    pub(super) refused: bool,
    /// Which dummy comes next, here and below.
    pub(super) dummy: usize,
    pub(super) accepted: bool,
    settled: bool,
    parent: Option<NodeId>,
    types: Vec<TypeKey>,
}

/// Parts are numbered within a branch of a node.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Place {
    pub(super) node: NodeId,
    pub(super) branch: usize,
}

/// All nodes of a type. `learnt` counts up with every fact.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    pub(super) learnt: u64,
    /// Whether exploration stopped for its length.
    pub(super) exhausted: bool,
}

impl Tree {
    pub(super) const ROOT: NodeId = NodeId(0);

    pub(super) fn new() -> Self {
        let mut tree = Tree { nodes: Vec::new(), learnt: 0, exhausted: false };
        tree.add(None);
        tree
    }

    fn add(&mut self, parent: Option<NodeId>) -> NodeId {
        self.nodes.push(Node {
            shape: Shape::Unknown,
            or: None,
            refused: false,
            dummy: 0,
            accepted: false,
            settled: false,
            parent,
            types: Vec::new(),
        });
        NodeId(self.nodes.len() - 1)
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub(super) fn is_settled(&self) -> bool {
        let root = self.node(Self::ROOT);
        root.accepted && root.settled
    }

    /// Notes that `shape` was asked for at `id`. Returns the node that stands for it: `id`, or one beside it.
    pub(super) fn note(&mut self, id: NodeId, shape: Shape) -> NodeId {
        let node = &mut self.nodes[id.0];
        if matches!(node.shape, Shape::Unknown) {
            node.shape = shape;
            self.learnt += 1;
            return id;
        }
        if node.shape.is_like(&shape) {
            return id;
        }
        let (or, parent) = (node.or, node.parent);
        let beside = or.unwrap_or_else(|| self.add(parent));
        self.nodes[id.0].or = Some(beside);
        self.note(beside, shape)
    }

    /// Notes that the type `key` starts at `id`.
    pub(super) fn name(&mut self, id: NodeId, key: TypeKey) {
        if !self.node(id).types.contains(&key) {
            self.nodes[id.0].types.push(key);
        }
    }

    /// The ancestor of `id` where the type `key` starts, and how many containers are between them.
    pub(super) fn ancestor(&self, id: NodeId, key: TypeKey) -> Option<(NodeId, usize)> {
        if self.node(id).types.contains(&key) {
            return None; // `id` itself, visited again.
        }
        let mut between = 0;
        let mut next = self.node(id).parent;
        while let Some(id) = next {
            let node = self.node(id);
            if node.types.contains(&key) {
                return Some((id, between));
            }
            // An option has no brackets.
            between += usize::from(!matches!(node.shape, Shape::Choice { kind: Kind::Option, .. }));
            next = node.parent;
        }
        None
    }

    pub(super) fn branch(&self, place: Place) -> Option<&Branch> {
        match &self.node(place.node).shape {
            Shape::Product(branch) => Some(branch),
            Shape::Choice { branches, .. } => branches.get(place.branch),
            _ => None,
        }
    }

    fn branch_mut(&mut self, place: Place) -> Option<&mut Branch> {
        match &mut self.nodes[place.node.0].shape {
            Shape::Product(branch) => Some(branch),
            Shape::Choice { branches, .. } => branches.get_mut(place.branch),
            _ => None,
        }
    }

    /// Part `index` of a branch. Parts are asked for in order.
    pub(super) fn part(&mut self, place: Place, index: usize) -> NodeId {
        if let Some(&known) = self.branch(place).and_then(|branch| branch.parts.get(index)) {
            return known;
        }
        let part = self.add(Some(place.node));
        if let Some(branch) = self.branch_mut(place) {
            branch.parts.push(part);
        }
        part
    }

    /// Notes the form of a variant, which is known only once it is visited.
    pub(super) fn form(&mut self, place: Place, form: Form) {
        if let Some(branch) = self.branch_mut(place)
            && branch.form == Form::Unknown
        {
            branch.form = form;
            self.learnt += 1;
        }
    }

    /// The branch to take at a choice: what teaches most, else what works.
    ///
    /// A `frugal` visit wants any finite value. It takes nothing, or the base, or a branch that is not `open`, that is,
    /// being visited further out.
    pub(super) fn pick(&self, id: NodeId, dummy: usize, frugal: bool, open: impl Fn(Place) -> bool) -> Option<usize> {
        let Shape::Choice { kind, branches, base } = &self.node(id).shape else { return None };
        if frugal && !matches!(kind, Kind::Enum(_)) {
            return Some(1);
        }
        if frugal && base.is_some() {
            return *base;
        }
        let is_closed = |index: &usize| !(frugal && open(Place { node: id, branch: *index }));
        let all = || (0..branches.len()).filter(is_closed);
        let accepted = || all().filter(|&index| branches[index].accepted);
        let teaches = all().filter(|&index| !branches[index].settled).min_by_key(|&index| branches[index].tries);
        teaches.or_else(|| accepted().nth(dummy % accepted().count().max(1))).or_else(|| all().next())
    }

    /// Notes that a branch is visited.
    pub(super) fn open(&mut self, place: Place) {
        if let Some(branch) = self.branch_mut(place) {
            branch.tries = branch.tries.saturating_add(1);
        }
    }

    /// Notes how the visit of a branch ended. A `frugal` one proves nothing about what is left to try.
    pub(super) fn close(&mut self, place: Place, ok: bool, frugal: bool, learnt_before: u64) {
        let Some(branch) = self.branch(place) else { return };
        let parts_settled = branch.parts.iter().all(|part| self.node(*part).settled);
        let nothing_learnt = self.learnt == learnt_before;
        let Some(branch) = self.branch_mut(place) else { return };
        let first_success = ok && !branch.accepted;
        branch.accepted |= ok;
        branch.settled |= branch.accepted && parts_settled;
        // To come closer to giving up is news, too: or who stands further out would give up at the same time.
        let fruitless = nothing_learnt && !first_success && !frugal && !branch.settled;
        if fruitless {
            branch.fruitless += 1;
            branch.settled = branch.fruitless >= FRUITLESS_RUNS_MAX;
        }
        self.learnt += u64::from(first_success || fruitless);
        if let Shape::Choice { base, .. } = &mut self.nodes[place.node.0].shape
            && ok
        {
            base.get_or_insert(place.branch);
        }
    }

    /// Notes that a value was made at `id`.
    pub(super) fn accept(&mut self, id: NodeId) {
        self.learnt += u64::from(!self.node(id).accepted);
        self.nodes[id.0].accepted = true;
    }

    /// Notes that `id` itself, and nothing below it, refused what it got: next time it gets another dummy.
    pub(super) fn refuse(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.0];
        node.refused = true;
        if node.dummy + 1 < DUMMIES {
            node.dummy += 1;
            self.learnt += 1;
        }
    }

    /// Notes, at the end of a visit, whether `id` is settled.
    pub(super) fn settle(&mut self, id: NodeId) {
        let node = self.node(id);
        let or_settled = node.or.is_none_or(|or| self.node(or).settled);
        let settled = match &node.shape {
            Shape::Unknown => false,
            Shape::Leaf(_) | Shape::Back(_) => true,
            Shape::Product(branch) => branch.parts.iter().all(|part| self.node(*part).settled),
            Shape::Choice { branches, .. } => branches.iter().all(|branch| branch.settled),
        };
        self.nodes[id.0].settled = settled && or_settled;
    }
}
