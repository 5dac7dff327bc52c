//! `verify WHEEL`.

use super::build::how_options;
use crate::cache::Cache;
use crate::cli::output::{VERSION, VerifyOutput};
use crate::cli::typed::Verify;
use crate::cli::{Context, Failure, interrupt, print, print_json, ready};
use crate::index::Index;
use crate::report::{Code, Error};
use crate::toolchain::tools::Tools;
use crate::verify::{Verified, verify};

pub fn run(arguments: &Verify, context: &Context) -> Result<(), Failure> {
    let found = ready::configuration(&context.global)?;
    let cache = Cache::open(&ready::cache_dir(&context.global, &found.config)?)?;
    let mut options = how_options(&arguments.how, context, &found.config)?;
    let index = Index::of_process(options.offline, context.report.clone());
    let tools = Tools { cache: &cache, index: &index, report: &context.report };
    options.zig = ready::zig(options.zig.as_ref(), &found.config, &tools)?;
    let interrupt = interrupt()?;
    let sdist = arguments.sdist.as_deref();
    let verified = verify(&arguments.wheel, sdist, &options, &cache, &context.report, &interrupt)?;
    let name = arguments.wheel.display();
    match verified {
        Verified::Same { sha256 } => {
            if context.global.json {
                return Ok(print_json(&VerifyOutput {
                    version: VERSION,
                    same: true,
                    sha256: Some(sha256.to_string()),
                    differences: Vec::new(),
                })?);
            }
            Ok(print(&format!("{name}: same bytes, sha256 {sha256}"))?)
        }
        Verified::Different { differences } => {
            let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
            if context.global.json {
                print_json(&VerifyOutput {
                    version: VERSION,
                    same: false,
                    sha256: None,
                    differences: lines.clone(),
                })?;
            }
            let error = Error::new(Code::NotReproducible, format!("a rebuild of `{name}` has other bytes"));
            context.terminal.error(&lines.iter().fold(error, |error, line| error.line(line.as_str())));
            Err(Failure::Shown(Code::NotReproducible.exit()))
        }
    }
}
