//! `fetch PROJECT FILE --sha256 HEX`: one file through the user's index configuration.

use crate::cli::typed::Fetch;
use crate::cli::{Context, print, print_json, ready};
use crate::index::Index;
use crate::report::{Code, Error, Result};

pub fn run(arguments: &Fetch, context: &Context) -> Result<()> {
    let found = ready::configuration(&context.global)?;
    let sha256 = arguments.sha256.to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::new(Code::Usage, format!("`{}` is no sha256", arguments.sha256)));
    }
    let offline = context.global.offline || found.config.offline.unwrap_or(false);
    let index = Index::of_process(offline, context.report.clone());
    let remote = index.file(&arguments.project, &arguments.file, &sha256)?;
    let fetched =
        context.report.phase(&arguments.file, "fetch", || index.fetch(&remote, &arguments.outdir))?;
    if context.global.json {
        return print_json(&serde_json::json!({
            "version": 1, "path": fetched.path, "sha256": fetched.sha256, "size": fetched.size,
        }));
    }
    print(&fetched.path.display().to_string())
}
