//! The configuration programs of single libraries, answered from their `.pc` files. They stand in every
//! build's `bin/`, so that the build machine's own, which know its libraries only, are never run.

use super::Answer;
use super::modules::Modules;

/// Each program, and the modules that stand for its library, best first.
pub const NAMES: &[(&str, &[&str])] = &[
    ("pg_config", &["libpq"]),
    ("xml2-config", &["libxml-2.0"]),
    ("xslt-config", &["libxslt"]),
    ("mysql_config", &["libmariadb", "mysqlclient"]),
    ("mariadb_config", &["libmariadb"]),
    ("curl-config", &["libcurl"]),
    ("freetype-config", &["freetype2"]),
    ("geos-config", &["geos"]),
    ("gdal-config", &["gdal"]),
    ("pcre2-config", &["libpcre2-8"]),
    ("pcre-config", &["libpcre"]),
    ("odbc_config", &["odbc"]),
    ("libpng-config", &["libpng"]),
    ("krb5-config", &["krb5"]),
    ("cups-config", &["cups"]),
    ("net-snmp-config", &["netsnmp"]),
    ("icu-config", &["icu-i18n"]),
    ("sdl2-config", &["sdl2"]),
    ("sdl-config", &["sdl"]),
    ("gpgme-config", &["gpgme"]),
    ("gsl-config", &["gsl"]),
    ("hdf5-config", &["hdf5"]),
    ("nc-config", &["netcdf"]),
    ("Magick-config", &["MagickCore"]),
    ("MagickWand-config", &["MagickWand"]),
    ("fltk-config", &["fltk"]),
    ("libgcrypt-config", &["libgcrypt"]),
    ("libassuan-config", &["libassuan"]),
    ("xmlsec1-config", &["xmlsec1"]),
];

/// Answers a call of the program `name`.
pub fn answer(modules: &mut Modules, name: &str, args: &[String]) -> Answer {
    let known = NAMES.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, modules)| *modules);
    let Some(module) = known.iter().find_map(|module| modules.get(module).ok()) else {
        let wanted = known.first().unwrap_or(&name);
        return Answer::failed(format!(
            "{name}: the target's {wanted} is not among the libraries of this build\n"
        ));
    };
    let found = [module.clone()];
    let order = match modules.closure(&found, true) {
        Ok(order) => order,
        Err(error) => return Answer::failed(error),
    };
    let prefix = module.variable("prefix").unwrap_or("/usr").to_owned();
    let variable = |name: &str, below: &str| {
        module.variable(name).map_or_else(|| format!("{prefix}/{below}"), str::to_owned)
    };
    let cflags = || modules.cflags(&order).join(" ");
    let libs = |statics: bool| modules.libs(&order, statics).join(" ");
    let only = |kind: &str| {
        let words = modules.libs(&order, false);
        words.into_iter().filter(|word| word.starts_with(kind)).collect::<Vec<_>>().join(" ")
    };
    let postgres = name == "pg_config";
    let mut out = String::new();
    for arg in args {
        let (arg, _) = arg.split_once('=').unwrap_or((arg, ""));
        let text = match arg {
            "--version" if postgres => format!("PostgreSQL {}", module.version),
            "--version" | "--modversion" => module.version.clone(),
            "--prefix" => prefix.clone(),
            "--exec-prefix" => variable("exec_prefix", ""),
            "--bindir" => format!("{prefix}/bin"),
            "--includedir" => variable("includedir", "include"),
            "--pkgincludedir" => format!("{}/postgresql", variable("includedir", "include")),
            "--includedir-server" => format!("{}/postgresql/server", variable("includedir", "include")),
            "--libdir" | "--pkglibdir" | "--plugindir" => variable("libdir", "lib"),
            "--include" | "--cflags" | "--cppflags" => cflags(),
            "--ldflags" => only("-L"),
            "--libs" if postgres => only("-l"),
            "--libs" | "--clibs" | "--libs_r" | "--libmysqld-libs" | "--link" | "--ldadd" => libs(false),
            "--static-libs" | "--static-clibs" | "--static-cclibs" | "--cclibs" => libs(true),
            "--static" => continue,
            "--exists" => continue,
            _ => return Answer::failed(format!("{name}: the option `{arg}` is not answered\n")),
        };
        out.push_str(&text);
        out.push('\n');
    }
    Answer::ok(out)
}
