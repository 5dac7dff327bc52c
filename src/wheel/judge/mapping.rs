//! Whether kernel and loader can map a file at all.

use super::binaries::{Binary, Opened};
use super::contents::Contents;
use super::verdict::Docket;
use crate::report::Code;
use crate::target::Target;

/// The first glibc (2.x) that refuses to load a library with an executable stack.
const NO_EXECUTABLE_STACK: u32 = 41;

pub(super) fn check(binary: &Binary<'_>, target: &Target, docket: &mut Docket) {
    if binary.file.executable_stack && !binary.is_program() {
        docket
            .fault(
                Code::BadExtension,
                binary.member,
                format!("asks for an executable stack, which glibc 2.{NO_EXECUTABLE_STACK} and later refuse"),
            )
            .hint("link it with `-Wl,-z,noexecstack`");
    }
    if let Some(alignment) = binary.file.page_alignment.filter(|alignment| *alignment < target.arch.page_size)
    {
        docket.note(format!(
            "`{}` is laid out for pages of {} KiB and does not load where {} has pages of {} KiB",
            binary.member,
            alignment / 1024,
            target.arch,
            target.arch.page_size / 1024
        ));
    }
}

/// Native files have no place in a folder for pure Python (PEP 427): some systems share it between
/// machines.
pub(super) fn check_purelib(contents: &Contents<'_>, opened: &Opened<'_>, docket: &mut Docket) {
    for (member, _) in &contents.members {
        let in_purelib = member
            .split_once('/')
            .is_some_and(|(top, rest)| top.ends_with(".data") && rest.starts_with("purelib/"));
        if in_purelib && opened.binaries.iter().any(|binary| binary.member == *member) {
            docket.fault(Code::BadWheel, member, "is native, but lies in the wheel's purelib");
        }
    }
}
