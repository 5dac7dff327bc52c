//! What one build works with, and what its programs see of it.

use std::path::Path;

use super::compilers::Compilers;
use super::layout::{Layout, Place};
use super::native::Native;
use super::requirements::Requirements;
use super::rust::Rust;
use super::{Builder, Job};
use crate::backend::Paths;
use crate::process::{Mount, Sandbox};
use crate::report::Result;
use crate::sdist::SourceTree;

/// The values of every stage before the hooks. Runs of the hooks add to compilers, libraries and
/// requirements what they missed.
pub(super) struct Work<'a> {
    pub job: &'a Job<'a>,
    pub layout: &'a Layout,
    pub tree: SourceTree,
    pub rust: Rust,
    pub compilers: Compilers,
    pub native: Native,
    pub requirements: Requirements,
}

impl<'a> Work<'a> {
    /// Unpacks the sdist of `job` into `layout`, and gets everything that is known to be needed.
    ///
    /// # Errors
    /// Those of every stage up to the hooks.
    pub fn prepare(builder: &Builder<'_>, job: &'a Job<'a>, layout: &'a Layout) -> Result<Self> {
        let tree = builder.report.phase(&job.subject, "unpack", || builder.unpack(job, layout))?;
        let rust = builder.rust(job, layout, &tree)?;
        builder.interrupt.check()?;
        let mut compilers = Compilers::prepare(builder, job, layout, &tree.root, &rust)?;
        builder.interrupt.check()?;
        let mut native = builder.native(job, &tree)?;
        native.provide(builder, job, layout, &mut compilers)?;
        builder.interrupt.check()?;
        let requirements = builder.requirements(job, &tree)?;
        builder.interrupt.check()?;
        Ok(Self { job, layout, tree, rust, compilers, native, requirements })
    }

    /// Shows the compilers the native libraries that are known to be needed by now.
    pub fn provide(&mut self, builder: &Builder<'_>) -> Result<()> {
        self.native.provide(builder, self.job, self.layout, &mut self.compilers)
    }
}

/// Where a program that builds the sources in `root` (a folder of the layout's own source, on the build
/// machine) with the tools of `env` finds things.
pub(super) fn paths(layout: &Layout, root: &Path, compilers: &Compilers, env: &Place) -> Paths {
    let source = layout.source.join(root.strip_prefix(&layout.source.host).unwrap_or(Path::new("")));
    Paths {
        source: source.inside,
        out: layout.out.inside.clone(),
        bin: layout.bin.inside.clone(),
        support: layout.support.inside.clone(),
        view: layout.view.inside.clone(),
        env: env.inside.clone(),
        home: layout.home(),
        tmp: layout.tmp(),
        sysroots: compilers.sysroots().to_vec(),
    }
}

impl Builder<'_> {
    /// The sandbox of a program that builds: within the user's limits it sees the interpreter, the
    /// compilers, Rust, the environment `env` and the layout's folders, and no network.
    pub(super) fn sandbox(
        &self,
        job: &Job<'_>,
        layout: &Layout,
        compilers: &Compilers,
        rust: &Rust,
        env: &Place,
    ) -> Result<Sandbox> {
        let mut sandbox = Sandbox::new(job.isolation);
        sandbox.limits = self.options.limits.clone();
        // Tools of the environment are run by its interpreter.
        sandbox.mounts = job.python.mounts.iter().map(Mount::here).collect();
        sandbox.mounts.extend(compilers.mounts(self, layout)?);
        sandbox.mounts.extend(rust.mounts());
        sandbox.mounts.push(env.mount());
        sandbox.mounts.extend(layout.mounts());
        Ok(sandbox)
    }
}
