//! Which of the given wheels an image gets: of every project the one that fits it best.

use std::collections::BTreeMap;
use std::path::Path;

use super::digests;
use crate::cache::{Cache, Requirement};
use crate::python::installer::{BuildTags, GivenWheel};
use crate::report::{Code, Error, Result};
use crate::target::{PythonVersion, Target};
use crate::wheel::WheelFileName;

/// A wheel given by its path. Its digest is known if it was read before.
///
/// # Errors
/// [`Code::InputNotFound`], [`Code::BadWheel`] when it is called like no wheel.
pub fn given_wheel(path: &Path, cache: &Cache) -> Result<GivenWheel> {
    if !path.is_file() {
        return Err(Error::new(Code::InputNotFound, format!("there is no wheel at `{}`", path.display())));
    }
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name: WheelFileName = file.parse()?;
    Ok(GivenWheel {
        path: path.to_owned(),
        requirement: Requirement {
            name: name.name(),
            version: name.version().to_string(),
            file: file.to_owned(),
            sha256: digests::of_file(path, cache)?.to_string(),
        },
    })
}

/// The wheels of `given` for `python` on `target`, one of each project, by name. Several wheels of a
/// project are taken to be for several targets.
///
/// # Errors
/// [`Code::WheelDoesNotFit`] when a project has none that fits; [`Code::Usage`] when it has two versions
/// that do.
pub fn select<'w>(
    given: &'w [GivenWheel],
    python: PythonVersion,
    target: &Target,
) -> Result<Vec<&'w GivenWheel>> {
    let tags = BuildTags::new(python, &target.python_platform(), Some(target.libc));
    let mut projects: BTreeMap<&str, Vec<(&GivenWheel, Option<usize>)>> = BTreeMap::new();
    for wheel in given {
        let name: WheelFileName = wheel.requirement.file.parse()?;
        let rank = tags.rank(&name);
        projects.entry(wheel.requirement.name.as_str()).or_default().push((wheel, rank));
    }
    let mut chosen = Vec::new();
    for (project, wheels) in projects {
        let mut fitting: Vec<(usize, &GivenWheel)> =
            wheels.iter().filter_map(|(wheel, rank)| Some(((*rank)?, *wheel))).collect();
        fitting.sort_by_key(|(rank, wheel)| (*rank, wheel.requirement.file.clone()));
        let Some(&(rank, best)) = fitting.first() else {
            let names: Vec<&str> = wheels.iter().map(|(wheel, _)| wheel.requirement.file.as_str()).collect();
            return Err(Error::new(
                Code::WheelDoesNotFit,
                format!("no wheel of `{project}` fits Python {python} on {target}"),
            )
            .cause(format!("given is `{}`", names.join("`, `")))
            .cause(format!("what fits is {}", tags.describe()))
            .hint(format!(
                "wheelbuild {project}=={} --target {target} --python {python}",
                wheels[0].0.requirement.version
            )));
        };
        let versions = |wheel: &GivenWheel| wheel.requirement.version.clone();
        if let Some((_, other)) = fitting.iter().find(|(_, wheel)| versions(wheel) != versions(best)) {
            return Err(Error::new(Code::Usage, format!("two versions of `{project}` are given"))
                .cause(format!("`{}` and `{}`", best.requirement.file, other.requirement.file)));
        }
        if let Some((_, other)) = fitting.get(1).filter(|(other, _)| *other == rank)
            && other.requirement.sha256 != best.requirement.sha256
        {
            return Err(Error::new(Code::Usage, format!("two wheels of `{project}` fit equally well"))
                .cause(format!("`{}` and `{}`", best.path.display(), other.path.display())));
        }
        chosen.push(best);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Requirement;

    fn wheel(file: &str) -> GivenWheel {
        let name: WheelFileName = file.parse().unwrap();
        GivenWheel {
            path: file.into(),
            requirement: Requirement {
                name: name.name(),
                version: name.version().to_string(),
                file: file.into(),
                sha256: file.into(),
            },
        }
    }

    fn chosen(given: &[&str], target: &str) -> Result<Vec<String>> {
        let given: Vec<GivenWheel> = given.iter().map(|file| wheel(file)).collect();
        let target = target.parse().unwrap();
        let chosen = select(&given, "3.11".parse().unwrap(), &target)?;
        Ok(chosen.iter().map(|wheel| wheel.requirement.file.clone()).collect())
    }

    #[test]
    fn each_target_gets_its_wheel() {
        let given = [
            "n-1-cp311-cp311-manylinux_2_17_x86_64.whl",
            "n-1-cp311-cp311-manylinux_2_28_aarch64.whl",
            "a-2-py3-none-any.whl",
        ];
        assert_eq!(chosen(&given, "linux/arm64").unwrap(), [given[2], given[1]]);
        assert_eq!(chosen(&given, "linux/amd64").unwrap(), [given[2], given[0]]);
        let error = chosen(&given, "x86_64-linux-musl").unwrap_err();
        assert_eq!(error.code(), Code::WheelDoesNotFit);
        assert!(error.headline().contains("`n`"));
    }

    #[test]
    fn two_versions_and_another_python_are_refused() {
        let two = ["a-1-py3-none-any.whl", "a-2-py3-none-any.whl"];
        assert_eq!(chosen(&two, "linux/arm64").unwrap_err().code(), Code::Usage);
        let other = ["n-1-cp310-cp310-manylinux_2_17_x86_64.whl"];
        assert_eq!(chosen(&other, "linux/amd64").unwrap_err().code(), Code::WheelDoesNotFit);
    }
}
