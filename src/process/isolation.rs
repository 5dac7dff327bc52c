//! What isolation this machine offers, and which one a run gets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::supervisor;
use crate::report::{Code, Error, Result};

/// What is really in force, strongest first. docs/security.md says what each lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Its own root, processes, network, users, IPC and host name.
    Namespaces,
    /// The machine's root with an allow list of files, no TCP, no signals to others.
    Landlock,
    /// Only a clean environment, limits, and that nothing outlives the run.
    None,
}

impl Isolation {
    /// Every level, strongest first.
    pub const ALL: [Self; 3] = [Self::Namespaces, Self::Landlock, Self::None];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Landlock => "landlock",
            Self::None => "none",
        }
    }

    /// Whether a mount may be seen at another place than its own.
    pub const fn moves_paths(self) -> bool {
        matches!(self, Self::Namespaces)
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What `--isolation` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IsolationChoice {
    /// The strongest that works here.
    #[default]
    Auto,
    Namespaces,
    Landlock,
    None,
}

impl FromStr for IsolationChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "namespaces" => Ok(Self::Namespaces),
            "landlock" => Ok(Self::Landlock),
            "none" => Ok(Self::None),
            _ => Err(Error::new(Code::Usage, format!("`{text}` is no isolation"))
                .hint("use one of `auto`, `namespaces`, `landlock`, `none`")),
        }
    }
}

static SUPERVISOR: OnceLock<PathBuf> = OnceLock::new();

/// Names the executable that is started as the supervisor, for programs that link this library
/// and do not call [`super::sandbox_entry`] themselves, such as tests. Without it this executable
/// is started. The first call counts.
pub fn set_supervisor(executable: &Path) {
    let _ = SUPERVISOR.set(executable.to_owned());
}

#[cfg(target_os = "linux")]
pub(super) fn supervisor_executable() -> Option<&'static Path> {
    SUPERVISOR.get().map(PathBuf::as_path)
}

static FOUND: [OnceLock<Result<(), String>>; Isolation::ALL.len()] =
    [const { OnceLock::new() }; Isolation::ALL.len()];

/// Whether `isolation` works here, or why not.
///
/// Found out by really entering it with nothing to run, once per process (some milliseconds).
fn works(isolation: Isolation) -> &'static Result<(), String> {
    // `ALL` is in the order of the declaration.
    FOUND[isolation as usize].get_or_init(|| supervisor::probe(isolation))
}

/// Each isolation and whether it works here, or why not, strongest first.
pub fn available() -> impl Iterator<Item = (Isolation, &'static Result<(), String>)> {
    Isolation::ALL.into_iter().map(|isolation| (isolation, works(isolation)))
}

/// The isolation to use for `choice`. Weaker ones than that are not tried out.
///
/// For `auto` it is the strongest that works; the caller says so when that is not
/// [`Isolation::Namespaces`] ([`available`] has the reason).
///
/// # Errors
///
/// [`Code::Isolation`] when `choice` names one that does not work here, with the reason.
pub fn choose(choice: IsolationChoice) -> Result<Isolation> {
    pick(choice, works)
}

/// The isolation that [`choose`] will most likely give, without trying it out where that is not known
/// yet: trying takes as long as setting up a run. When the run then says [`Code::Isolation`], `choose`
/// tells what to do.
///
/// # Errors
///
/// As [`choose`].
pub fn expect(choice: IsolationChoice) -> Result<Isolation> {
    let unknown = FOUND[Isolation::Namespaces as usize].get().is_none();
    if choice == IsolationChoice::Auto && cfg!(target_os = "linux") && unknown {
        return Ok(Isolation::Namespaces);
    }
    choose(choice)
}

fn pick<'a>(
    choice: IsolationChoice,
    works: impl Fn(Isolation) -> &'a Result<(), String>,
) -> Result<Isolation> {
    let wanted = match choice {
        IsolationChoice::Auto => {
            let best = Isolation::ALL.into_iter().find(|isolation| works(*isolation).is_ok());
            return Ok(best.unwrap_or(Isolation::None));
        }
        IsolationChoice::Namespaces => Isolation::Namespaces,
        IsolationChoice::Landlock => Isolation::Landlock,
        IsolationChoice::None => return Ok(Isolation::None),
    };
    match works(wanted) {
        Ok(()) => Ok(wanted),
        Err(why) => {
            Err(Error::new(Code::Isolation, format!("`--isolation {wanted}` does not work on this machine"))
                .cause(why.clone())
                .hint("use `--isolation auto` to take the strongest that works, and see `wheelbuild doctor`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_strongest_that_works_and_a_named_one_is_never_weakened() {
        let (no, yes) = (Err("no user namespaces".to_owned()), Ok(()));
        let here = |isolation| if isolation == Isolation::Namespaces { &no } else { &yes };
        assert_eq!(pick(IsolationChoice::Auto, here).unwrap(), Isolation::Landlock);
        assert_eq!(pick(IsolationChoice::None, here).unwrap(), Isolation::None);
        let error = pick(IsolationChoice::Namespaces, here).unwrap_err();
        assert_eq!(error.code(), Code::Isolation);
        assert_eq!(error.causes(), ["no user namespaces"]);
    }

    #[test]
    fn nothing_weaker_is_tried_out_than_what_works() {
        let yes = Ok(());
        let tried = std::cell::RefCell::new(Vec::new());
        let here = |isolation| {
            tried.borrow_mut().push(isolation);
            &yes
        };
        assert_eq!(pick(IsolationChoice::Auto, here).unwrap(), Isolation::Namespaces);
        assert_eq!(*tried.borrow(), [Isolation::Namespaces]);
        for (place, isolation) in Isolation::ALL.into_iter().enumerate() {
            assert_eq!(isolation as usize, place);
        }
    }

    #[test]
    fn the_spelling_of_the_command_line_is_the_name() {
        for isolation in Isolation::ALL {
            let choice: IsolationChoice = isolation.name().parse().unwrap();
            assert_eq!(serde_json::to_value(choice).unwrap(), isolation.name());
            assert_eq!(serde_json::to_value(isolation).unwrap(), isolation.name());
        }
        assert_eq!("Namespaces".parse::<IsolationChoice>().unwrap_err().code(), Code::Usage);
    }
}
