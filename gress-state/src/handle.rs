//! Typed access to keyed state. A handle and its task share one table: the task seals it between batches, the handle
//! uses it inside them. `&self` reads and `&mut self` writes on a handle that is not `Clone` let the borrow checker rule
//! out what `RefCell` would otherwise catch at run time.

mod timers;
mod value;
mod window;

pub use timers::{DueTimer, Timers, TimersOfTask};
pub use value::{Entry, Read, ValueState, Write};
pub use window::{FiringWindow, WindowState};
