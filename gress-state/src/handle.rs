//! Typed access to keyed state. A handle and its task share one table: the task seals it between batches, the handle
//! uses it inside them. `&self` reads and `&mut self` writes on a handle that is not `Clone` let the borrow checker rule
//! out what `RefCell` would otherwise catch at run time.

mod aggregating;
mod list;
mod map;
mod reducing;
mod timers;
mod value;
mod window;

pub use aggregating::AggregatingState;
pub use list::{ListIter, ListState};
pub use map::{MapEntry, MapIter, MapState, MapWrite};
pub use reducing::ReducingState;
pub use timers::{DueTimer, Timers, TimersOfTask};
pub use value::{Entry, Read, ValueState, Write};
pub use window::{FiringWindow, WindowState};
