//! What runs inside a task: a chain of operators. One dynamic call per operator and batch; the loop over a batch is
//! monomorphic.
//!
//! ```text
//!  source ─▶ map ─▶ event_time ─▶ exchange ═══▶ process ─▶ map ─▶ sink
//!  └────────── one chain ────────┘ channels     └────── one chain ─────┘
//! ```

mod event_time;
mod exchange;
mod filter;
pub(crate) mod place;
mod process;
mod push;
mod sink;
mod stateless;
mod tee;
mod window;

pub(crate) use event_time::AssignTime;
pub(crate) use exchange::{Exchange, Input, Message};
pub(crate) use filter::Filter;
pub(crate) use process::{ProcessOperator, Side, SideChain};
pub(crate) use push::{ChainSeal, Control, Partition, Push, SealedSink, pass_on};
pub(crate) use sink::SinkEnd;
pub(crate) use stateless::Stateless;
pub(crate) use tee::Tee;
pub(crate) use window::WindowOperator;
