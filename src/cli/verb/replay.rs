//! `replay FOLDER`: what `replay.sh` in a kept build folder calls.

use crate::build::replay;
use crate::cli::typed::Replay;
use crate::cli::{Context, Failure, interrupt, print};
use crate::process::Status;
use crate::report::{Code, Error};

pub fn run(arguments: &Replay, _context: &Context) -> Result<(), Failure> {
    let (outcome, said) = replay(&arguments.folder, &interrupt()?)?;
    if !said.is_empty() {
        print(said.trim_end_matches('\n'))?;
    }
    match outcome.status {
        Status::Code(0) if outcome.limit_hit.is_none() => Ok(()),
        status => Err(Error::new(Code::Backend, format!("the hooks ended with {status}")).into()),
    }
}
