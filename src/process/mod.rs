//! Child processes: hooks that nobody trusts, and short runs of programs we trust.
//!
//! A build hook is somebody else's code. [`run`] starts it in a [`Sandbox`]: on Linux in namespaces
//! of its own with an empty root, without a network, under limits, and so that nothing of it
//! outlives the call. [`capture`] and [`run_program`] are for trusted short runs (the resolver,
//! interpreter facts).
//!
//! How a run works: this executable starts itself again as a *supervisor* (`supervisor/`), a
//! process with one thread, so that it may fork and change its identity where the caller, which
//! has threads, may not. The supervisor builds the root, forks the *leader* (PID 1 of the new PID
//! namespace), watches the limits and reports one line of JSON. Its standard input is a lifeline:
//! when the caller closes it, by will or by dying, everything is killed.
//!
//! What each isolation lets through is in docs/security.md; tests/isolation.rs tries to escape.

mod capture;
mod environment;
mod interrupt;
mod isolation;
mod log;
mod memory;
mod names;
mod program;
mod run;
mod sandbox;
#[cfg_attr(not(target_os = "linux"), path = "supervisor/elsewhere.rs")]
mod supervisor;
mod turns;

pub use capture::{Output, capture, capture_in};
pub use environment::{BUILD_HOME, CPUINFO, base_environment, passthrough};
pub use interrupt::Interrupt;
pub use isolation::{Isolation, IsolationChoice, available, choose, expect, set_supervisor};
pub use memory::give_back_large_buffers;
pub use names::look_up_without_modules;
pub use program::{
    Abandonable, abandonable, check_halted, halt, pause, run_program, run_program_within, wait_for_lock,
};
pub use run::run;
pub use sandbox::{Command, Limit, Limits, Mount, Outcome, Sandbox, Status};
pub use supervisor::{SUPERVISOR_ARGUMENT, hidden, sandbox_entry};
pub use turns::{IN_TURN, Turn, Turns, turn};
