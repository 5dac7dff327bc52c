//! `ar` and `ranlib`: archives without clock, user or group in them.

/// The arguments of `ar` with the modifier `D` (deterministic) in place of `U`.
///
/// The operation is the first word, with or without a dash (`rcs`, `-rcs`); options in front of it
/// (`--plugin x`, `--format=gnu`) stay.
pub fn ar(args: Vec<String>) -> Vec<String> {
    let mut args = args;
    let mut skip = false;
    for word in &mut args {
        if std::mem::take(&mut skip) {
            continue;
        }
        if word.starts_with("--") {
            skip = word == "--plugin" || word == "--target";
            continue;
        }
        if word.starts_with('@') {
            break;
        }
        let letters = word.trim_start_matches('-');
        // d, m, q, r, s and x take the modifier; p, t and -M do not.
        if letters.contains(['d', 'm', 'q', 'r', 's']) && letters.chars().all(|c| c.is_ascii_alphabetic()) {
            let dash = if word.starts_with('-') { "-" } else { "" };
            let kept: String = letters.chars().filter(|c| !matches!(c, 'U' | 'D')).collect();
            *word = format!("{dash}{kept}D");
        }
        break;
    }
    args
}

/// The arguments of `ranlib` with `-D` in place of `-U`.
pub fn ranlib(args: Vec<String>) -> Vec<String> {
    let asks = args.iter().any(|word| word.starts_with("--") || word == "-V" || word == "-v");
    let mut out: Vec<String> = args.into_iter().filter(|word| word != "-U" && word != "-D").collect();
    if !asks {
        out.insert(0, "-D".to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn archives_are_deterministic_however_asked() {
        for (given, left) in [
            ("rcs a.a x.o", "rcsD a.a x.o"),
            ("-crU a.a x.o", "-crD a.a x.o"),
            ("csrDT a.a x.o", "csrTD a.a x.o"),
            ("--plugin p.so cru a.a x.o", "--plugin p.so cruD a.a x.o"),
            ("t a.a", "t a.a"),
            ("x a.a", "x a.a"),
            ("--version", "--version"),
            ("s a.a", "sD a.a"),
        ] {
            assert_eq!(ar(words(given)), words(left), "{given}");
        }
        assert_eq!(ranlib(words("-U a.a")), words("-D a.a"));
        assert_eq!(ranlib(words("--version")), words("--version"));
    }
}
