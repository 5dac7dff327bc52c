//! What autoconf's configure scripts must know.

use crate::target::{Endian, Target};

/// A `CONFIG_SITE` file: every configure script reads it before it guesses.
///
/// Setting the aliases and `cross_compiling` has the effect of `--host` for packages that call a
/// vendored configure without it. The cached answers are those that a script can only find out by
/// running a program of the target.
pub(super) fn config_site(target: &Target) -> String {
    let host = target.gnu_triple();
    // Any build triplet that differs from the host's will do; naming the same machine would make
    // configure believe that target programs run here.
    let build = format!("{}-pc-linux-gnu", std::env::consts::ARCH);
    let build =
        if build == host { format!("{}-wheelbuild-linux-gnu", std::env::consts::ARCH) } else { build };
    let bigendian = if target.arch.endian == Endian::Big { "yes" } else { "no" };
    let word = target.arch.bits / 8;
    format!(
        "test \"x$host_alias\" = x && host_alias={host}\n\
         test \"x$build_alias\" = x && build_alias={build}\n\
         test \"x$host\" = x && host={host}\n\
         test \"x$build\" = x && build={build}\n\
         cross_compiling=yes\n\
         ac_cv_c_bigendian={bigendian}\n\
         ac_cv_sizeof_long={word}\n\
         ac_cv_sizeof_void_p={word}\n\
         ac_cv_sizeof_size_t={word}\n\
         ac_cv_func_malloc_0_nonnull=yes\n\
         ac_cv_func_realloc_0_nonnull=yes\n\
         ac_cv_func_mmap_fixed_mapped=yes\n\
         ac_cv_func_memcmp_working=yes\n\
         ac_cv_buggy_getaddrinfo=no\n"
    )
}

/// `/proc/cpuinfo` of the least machine that wheels of the target run on, with one processor: scripts choose
/// `-mavx2` and the like by what they read there, and the build machine's processor must not decide that.
pub(super) fn cpuinfo(target: &Target) -> String {
    format!("processor\t: 0\n{}\n\n", target.arch.cpuinfo.join("\n"))
}
