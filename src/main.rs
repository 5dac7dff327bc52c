//! The `wheelbuild` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    wheelbuild::cli::run(std::env::args_os())
}
