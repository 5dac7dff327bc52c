//! The `wheelbuild` program.

use std::process::ExitCode;

use wheelbuild::process;
use wheelbuild::toolchain::driver;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    // Called as `cc`, `ld`, …: thousands of times in a build, so before anything else is looked at.
    if let Some(tool) = words.first().and_then(|name| driver::called_as(name)) {
        return driver::run(tool, words);
    }
    // Started by ourselves to isolate a build: before anything could start a thread.
    if let Some(code) = process::sandbox_entry() {
        return code;
    }
    if cfg!(target_feature = "crt-static") {
        process::look_up_without_modules();
    }
    wheelbuild::cli::run(words)
}
