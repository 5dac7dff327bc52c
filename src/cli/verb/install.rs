//! `install WHL... -o DIR`: wheels into a folder that Python can import from.

use crate::cli::typed::Install;
use crate::cli::{Context, print_json, print_path};
use crate::python::installer::{self, GivenWheel, Layout};
use crate::report::{Code, Error, Result};

pub fn run(arguments: &Install, context: &Context) -> Result<()> {
    let wheels: Vec<GivenWheel> =
        arguments.wheels.iter().map(|path| GivenWheel::open(path)).collect::<Result<_>>()?;
    let folder = &arguments.outdir;
    let used = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if used {
        return Err(Error::new(Code::Usage, format!("`{}` is not empty", folder.display()))
            .hint("name a folder that does not exist yet: `-o DIR`"));
    }
    installer::install(&wheels, Layout::Folder, None, folder)?;
    if context.global.json {
        let installed: Vec<_> = wheels.iter().map(|wheel| &wheel.requirement).collect();
        return print_json(&serde_json::json!({ "version": 1, "path": folder, "installed": installed }));
    }
    print_path(context, folder)
}
