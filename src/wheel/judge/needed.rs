//! DT_NEEDED: every library is in the wheel and found there, or promised by the platform tag.

use super::binaries::Binary;
use super::contents::{file_name_of, folder_of};
use super::policy;
use super::search_path;
use super::verdict::Docket;
use crate::report::Code;
use crate::target::{Libc, Target};

/// Judges every needed library of `binaries[index]`. Returns the floor that the libraries
/// themselves set, with its reason.
pub(super) fn check(
    binaries: &[Binary<'_>],
    index: usize,
    target: &Target,
    docket: &mut Docket,
) -> Option<(u32, String)> {
    let binary = &binaries[index];
    let mut floor: Option<(u32, String)> = None;
    for name in binary.file.needed.iter().copied() {
        let inside: Vec<&Binary<'_>> = binaries.iter().filter(|other| other.answers_to(name)).collect();
        if !inside.is_empty() {
            if !is_found(binaries, binary, name, &inside) {
                docket
                    .fault(
                        Code::ForeignLibrary,
                        binary.member,
                        format!(
                            "needs `{name}`, which is in the wheel as `{}`, but no RUNPATH leads there",
                            inside[0].member
                        ),
                    )
                    .hint(format!("link it with `-Wl,-rpath,{}`", origin_path(binary.path, inside[0].path)));
            }
        } else if name.starts_with("libpython") {
            docket.fault(
                Code::ForeignLibrary,
                binary.member,
                format!("needs `{name}`: extensions must leave Python's symbols to the interpreter"),
            );
        } else if let Some(promised) = policy::promised(target, name) {
            if promised.since > floor.as_ref().map_or(0, |(minor, _)| *minor) {
                floor = Some((promised.since, name.to_owned()));
            }
        } else {
            let tag = match target.libc {
                Libc::Gnu { .. } => "manylinux",
                Libc::Musl => "musllinux",
            };
            let hint = match name {
                "libc.so" if target.libc == Libc::Musl => "wheels know musl as `{}`: compile with `--cc zig`"
                    .replace("{}", &target.arch.musl_soname),
                _ => format!(
                    "link it statically, or give the folder that has `usr/lib/{name}` of the target with \
                     `--sysroot DIR`: it is copied into the wheel"
                ),
            };
            docket
                .fault(
                    Code::ForeignLibrary,
                    binary.member,
                    format!("needs `{name}`, which no {tag} tag promises"),
                )
                .hint(hint);
        }
    }
    floor
}

/// True when the loader finds `name`: through `binary`'s own search path, or because another file of
/// the wheel that needs it finds it, as a library that is loaded already is not searched again.
fn is_found(binaries: &[Binary<'_>], binary: &Binary<'_>, name: &str, inside: &[&Binary<'_>]) -> bool {
    let finds = |who: &Binary<'_>| {
        let folders = search_path::folders(who);
        inside.iter().any(|library| {
            file_name_of(library.path) == name
                && folders.iter().any(|folder| folder == folder_of(library.path))
        })
    };
    finds(binary) || binaries.iter().any(|other| other.file.needed.contains(&name) && finds(other))
}

/// The `$ORIGIN` path from the folder of `from` to that of `to`.
pub(in crate::wheel) fn origin_path(from: &str, to: &str) -> String {
    let parts = |path| folder_of(path).split('/').filter(|part| !part.is_empty()).collect::<Vec<&str>>();
    let (from, to) = (parts(from), parts(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut path = vec!["$ORIGIN"];
    path.extend(std::iter::repeat_n("..", from.len() - common));
    path.extend(&to[common..]);
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::origin_path;

    #[test]
    fn origin_paths() {
        assert_eq!(origin_path("pkg/sub/_x.so", "pkg.libs/liba.so"), "$ORIGIN/../../pkg.libs");
        assert_eq!(origin_path("_x.so", "pkg/liba.so"), "$ORIGIN/pkg");
        assert_eq!(origin_path("pkg/_x.so", "pkg/liba.so"), "$ORIGIN");
    }
}
