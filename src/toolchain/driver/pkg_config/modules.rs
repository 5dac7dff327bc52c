//! Modules found in folders, and what they need of each other.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use super::file::Module;
use super::version;

/// The modules in a list of folders; a folder may lie below a sysroot.
pub struct Modules {
    folders: Vec<(PathBuf, Option<String>)>,
    defines: Vec<(String, String)>,
    known: HashMap<String, Rc<Module>>,
}

/// A module that is asked for, perhaps of certain versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    pub name: String,
    /// `=`, `!=`, `<`, `>`, `<=`, `>=`.
    pub relation: Option<String>,
    pub version: String,
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.relation {
            Some(relation) => write!(f, "{} {relation} {}", self.name, self.version),
            None => f.write_str(&self.name),
        }
    }
}

impl Want {
    /// Whether `module` is of a wanted version.
    pub fn check(&self, module: &Module) -> Result<(), String> {
        let order = version::compare(&module.version, &self.version);
        let holds = match self.relation.as_deref() {
            None => true,
            Some("=") => order.is_eq(),
            Some("!=") => order.is_ne(),
            Some("<") => order.is_lt(),
            Some(">") => order.is_gt(),
            Some("<=") => order.is_le(),
            _ => order.is_ge(),
        };
        if holds {
            return Ok(());
        }
        Err(format!("Requested '{self}' but version of {} is {}\n", self.name, module.version))
    }
}

/// Reads a list of modules: blanks or commas between, a relation and a version behind a name.
pub fn parse_list(text: &str) -> Vec<Want> {
    let mut spaced = String::new();
    let mut last = ' ';
    for c in text.chars() {
        let relation = |c: char| "<>=!".contains(c);
        if relation(c) != relation(last) {
            spaced.push(' ');
        }
        spaced.push(if c == ',' { ' ' } else { c });
        last = c;
    }
    let mut wants: Vec<Want> = Vec::new();
    let mut words = spaced.split_whitespace();
    while let Some(word) = words.next() {
        match wants.last_mut() {
            Some(want) if word.starts_with(['<', '>', '=', '!']) => {
                want.relation = Some(word.to_owned());
                want.version = words.next().unwrap_or_default().to_owned();
            }
            _ => wants.push(Want { name: word.to_owned(), relation: None, version: String::new() }),
        }
    }
    wants
}

impl Modules {
    pub fn new(folders: Vec<(PathBuf, Option<String>)>) -> Self {
        Self { folders, defines: Vec::new(), known: HashMap::new() }
    }

    /// Variables that win over the files' own.
    pub fn define(&mut self, defines: Vec<(String, String)>) {
        self.defines = defines;
    }

    /// The module called `name`, or given as the path of its file.
    pub fn get(&mut self, name: &str) -> Result<Rc<Module>, String> {
        if let Some(module) = self.known.get(name) {
            return Ok(Rc::clone(module));
        }
        let as_file = name.ends_with(".pc").then(|| (PathBuf::from(name), None));
        let candidates =
            self.folders.iter().map(|(folder, root)| (folder.join(format!("{name}.pc")), root.clone()));
        for (path, root) in as_file.into_iter().chain(candidates) {
            if let Ok(bytes) = std::fs::read(&path) {
                let text = String::from_utf8_lossy(&bytes);
                let module = Rc::new(Module::parse(&path, &text, root.as_deref(), &self.defines));
                self.known.insert(name.to_owned(), Rc::clone(&module));
                return Ok(module);
            }
        }
        Err(format!(
            "Package {name} was not found in the pkg-config search path.\nPackage '{name}', required by 'virtual:world', not found\n"
        ))
    }

    /// `found` and everything they require, each before what it requires; with whether it is reached
    /// by `Requires.private` alone.
    pub fn closure(
        &mut self,
        found: &[Rc<Module>],
        statics: bool,
    ) -> Result<Vec<(Rc<Module>, bool)>, String> {
        let mut order: Vec<(Rc<Module>, bool)> = Vec::new();
        for module in found {
            self.visit(module, false, statics, &mut order)?;
        }
        order.reverse();
        Ok(order)
    }

    /// Puts a module behind everything it requires.
    fn visit(
        &mut self,
        module: &Rc<Module>,
        private: bool,
        statics: bool,
        order: &mut Vec<(Rc<Module>, bool)>,
    ) -> Result<(), String> {
        if let Some(known) = order.iter_mut().find(|(known, _)| known.id == module.id) {
            known.1 &= private;
            return Ok(());
        }
        // A place is kept meanwhile, so that modules which require each other come to an end.
        order.push((Rc::clone(module), private));
        let own = order.len() - 1;
        let mut behind = Vec::new();
        for (list, hidden) in [(&module.requires, false), (&module.requires_private, true)] {
            for want in parse_list(list) {
                match self.get(&want.name) {
                    Ok(required) => {
                        if !hidden || statics {
                            want.check(&required)?;
                        }
                        behind.push((required, private || hidden));
                    }
                    Err(_) if hidden => {}
                    Err(error) => return Err(error.replace("virtual:world", &module.id)),
                }
            }
        }
        for (required, hidden) in behind {
            self.visit(&required, hidden, statics, order)?;
        }
        let entry = order.remove(own);
        order.push(entry);
        Ok(())
    }

    /// Compiler flags of all, each once.
    pub fn cflags(&self, order: &[(Rc<Module>, bool)]) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        for flag in order.iter().flat_map(|(module, _)| module.words(&module.cflags)) {
            if !flags.contains(&flag) {
                flags.push(flag);
            }
        }
        flags
    }

    /// Linker flags: folders and others once where they first stand, libraries once where they last do.
    pub fn libs(&self, order: &[(Rc<Module>, bool)], statics: bool) -> Vec<String> {
        let mut all = Vec::new();
        for (module, private) in order {
            if !private || statics {
                all.extend(module.words(&module.libs));
            }
            if statics {
                all.extend(module.words(&module.libs_private));
            }
        }
        let mut flags: Vec<String> = Vec::new();
        for (at, flag) in all.iter().enumerate() {
            let repeated = match flag.starts_with("-l") {
                true => all[at + 1..].contains(flag),
                false => flags.contains(flag),
            };
            if !repeated {
                flags.push(flag.clone());
            }
        }
        flags
    }

    /// Every module there is, as `--list-all` prints it.
    pub fn list(&mut self) -> String {
        let mut names: Vec<String> = self
            .folders
            .iter()
            .flat_map(|(folder, _)| std::fs::read_dir(folder).into_iter().flatten().flatten())
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".pc").map(str::to_owned))
            .collect();
        names.sort();
        names.dedup();
        let mut out = String::new();
        for name in names {
            if let Ok(module) = self.get(&name) {
                out.push_str(&format!("{name:30} {} - {}\n", module.name, module.description));
            }
        }
        out
    }
}
