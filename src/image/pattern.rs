//! Shell patterns for paths: `*` and `?` within a component, `**` across them.

/// Whether `path` is of `pattern`.
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    // One row of a table instead of recursion, so that no pattern takes for ever.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; path.len() + 1];
        match pattern[at] {
            '*' => {
                let across = pattern.get(at + 1) == Some(&'*');
                at += usize::from(across);
                let mut open = false;
                for place in 0..=path.len() {
                    open |= reached[place];
                    next[place] = open;
                    if place < path.len() && path[place] == '/' && !across {
                        open = false;
                    }
                }
            }
            wanted => {
                for place in 0..path.len() {
                    let fits = if wanted == '?' { path[place] != '/' } else { path[place] == wanted };
                    next[place + 1] = reached[place] && fits;
                }
            }
        }
        reached = next;
        at += 1;
    }
    reached[path.len()]
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stay_within_a_component_unless_doubled() {
        for (pattern, path, wanted) in [
            ("etc/ld.so.conf.d/*.conf", "etc/ld.so.conf.d/libc.conf", true),
            ("etc/ld.so.conf.d/*.conf", "etc/ld.so.conf.d/a/libc.conf", false),
            ("*.pyc", "a.pyc", true),
            ("*.pyc", "a/b.pyc", false),
            ("**.pyc", "a/b.pyc", true),
            ("a/**", "a/b/c", true),
            ("a/**", "b/c", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }
}
