//! Where a statically linked program looks up names.
#![allow(unsafe_code)]

/// Has host names looked up in /etc/hosts and by DNS, and users in /etc/passwd, whatever
/// /etc/nsswitch.conf says.
///
/// glibc otherwise loads the modules that are named there, which are made for the glibc of the
/// machine: in a static program, which brings its own, that works by chance. What they add (mDNS,
/// systemd's host names) leads to no package index. musl has nothing else.
///
/// To be called before anything is looked up and before there are threads.
pub fn look_up_without_modules() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn __nss_configure_lookup(
                database: *const libc::c_char,
                services: *const libc::c_char,
            ) -> libc::c_int;
        }
        for (database, services) in [(c"hosts", c"files dns"), (c"passwd", c"files"), (c"group", c"files")] {
            // SAFETY: two C strings that live as long as the program; glibc copies what it keeps. No
            // other thread reads the table now. A failure leaves the machine's configuration in force.
            unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        }
    }
}
