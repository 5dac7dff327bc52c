//! The interpreter of an image: given by the user, or in the base.

use super::Maker;
use crate::cache::KeyParts;
use crate::image::configuration::DEFAULT_PATH;
use crate::image::python::ImagePython;
use crate::image::root::Root;
use crate::image::source;
use crate::image::tree::LayerTree;
use crate::report::{Code, Error, Result};

impl Maker<'_> {
    /// Finds the interpreter in what the user gave, else in the base; what it was given is a layer then.
    pub(super) fn interpreter(&mut self) -> Result<ImagePython> {
        let request = self.request;
        let search: Vec<String> = request
            .base
            .as_ref()
            .and_then(|base| base.config.config.variable("PATH"))
            .unwrap_or(DEFAULT_PATH)
            .split(':')
            .map(str::to_owned)
            .collect();
        let mut seen = Vec::new();
        for placed in request.interpreters {
            let tree = source::interpreter(placed, request.exclude, self.store.cache(), self.report)?;
            let destination = placed.folder("/");
            let parts = self
                .below(KeyParts::new())
                .with("kind", "interpreter")
                .with("tree", tree.digest())
                .with("destination", &destination);
            let lower = self.root();
            let make = || {
                let mut layer = LayerTree::default();
                tree.place(&destination, &mut layer)?;
                layer.leave_out_folders(|path| lower.is_folder(path));
                Ok(layer)
            };
            let confirm = || {
                tree.confirm(&source::interpreter(placed, request.exclude, self.store.cache(), self.report)?)
            };
            let layer =
                self.store.layer("interpreter", &parts, request.packing, self.elsewhere, make, confirm)?;
            let below = self.layers.iter().map(|layer| &*layer.facts);
            let root = Root::of(below.chain([&*layer.facts]));
            let found = ImagePython::all(&Root::of([&*layer.facts]));
            seen.extend(found.iter().map(ImagePython::describe));
            let fitting = ImagePython::find(&root, request.python, &search);
            if let Some(python) = fitting.filter(|python| {
                python.fits(&request.target) && found.iter().any(|own| own.program == python.program)
            }) {
                self.sources.push(("interpreter", tree.digest()));
                self.layers.push(layer);
                return Ok(python);
            }
        }
        let root = self.root();
        let found = ImagePython::all(&root);
        if request.interpreters.is_empty()
            && let Some(python) = ImagePython::find(&root, request.python, &search)
            && python.fits(&request.target)
        {
            return Ok(python);
        }
        seen.extend(found.iter().map(ImagePython::describe));
        let wanted =
            request.python.map_or_else(|| "Python".to_owned(), |version| format!("Python {version}"));
        let error =
            Error::new(Code::NoInterpreter, format!("no {wanted} for {} in the image", request.target));
        Err(match &seen[..] {
            [] => {
                error.cause("neither `--interpreter` nor `--base` brings a Python with its standard library")
            }
            _ => error.cause(format!("there is {}", seen.join("; "))),
        }
        .hint("give one: `--interpreter DIR`, an unpacked Python of that machine, or `--base IMAGE`"))
    }
}
