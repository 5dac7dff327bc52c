//! Punycode (RFC 3492), which spells the init function of a module whose name is not ASCII (PEP 489).

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;

/// `text` in punycode; None when it is too long for the arithmetic.
pub(super) fn encode(text: &str) -> Option<String> {
    let mut out: String = text.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(text.chars().count()).ok()?;
    let (mut code, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    while handled < total {
        let next = text.chars().map(u32::from).filter(|point| *point >= code).min()?;
        delta = delta.checked_add((next - code).checked_mul(handled + 1)?)?;
        code = next;
        for point in text.chars().map(u32::from) {
            if point < code {
                delta = delta.checked_add(1)?;
            }
            if point == code {
                let mut rest = delta;
                let mut position = BASE;
                loop {
                    let threshold = position.saturating_sub(bias).clamp(T_MIN, T_MAX);
                    if rest < threshold {
                        break;
                    }
                    out.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
                    rest = (rest - threshold) / (BASE - threshold);
                    position += BASE;
                }
                out.push(digit(rest));
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        code = code.checked_add(1)?;
    }
    Some(out)
}

fn digit(value: u32) -> char {
    // Always below 36: 26 letters, then 10 digits.
    char::from_digit((value + 10) % BASE, BASE).unwrap_or('?')
}

fn adapt(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut steps = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        steps += BASE;
    }
    steps + (BASE - T_MIN + 1) * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn as_python_encodes() {
        // The results of `name.encode("punycode")`.
        for (name, meant) in [
            ("bücher", "bcher-kva"),
            ("čeština", "etina-gya30d"),
            ("ü", "tda"),
            ("smörgås_x", "smrgs_x-hxa4m"),
            ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
        ] {
            assert_eq!(encode(name).as_deref(), Some(meant), "{name}");
        }
    }
}
