//! `index DIR`: the static index of a folder of wheels.

use crate::cli::output::{IndexOutput, VERSION};
use crate::cli::typed::Index;
use crate::cli::{Context, print, print_json};
use crate::report::Result;
use crate::wheelhouse;

pub fn run(arguments: &Index, context: &Context) -> Result<()> {
    let indexed = wheelhouse::index(&arguments.folder, &context.report)?;
    let pages = arguments.folder.join(wheelhouse::SIMPLE);
    if context.global.json {
        return print_json(&IndexOutput {
            version: VERSION,
            index: pages,
            projects: indexed.projects,
            files: indexed.files,
        });
    }
    print(&pages.display().to_string())?;
    context.report.info(format!("{} files of {} projects", indexed.files, indexed.projects));
    Ok(())
}
