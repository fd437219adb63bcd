//! Numbers as Go reads and writes them.

use serde_json::Number;

/// An integer of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Integer {
    Signed(i64),
    Unsigned(u64),
}

/// What a text is as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parsed {
    Integer(Integer),
    Float(f64),
}

/// Reads an integer with an optional sign and a prefix for its base: `0x`, `0b`, `0o`, and a plain `0` for octal, like
/// `strconv.ParseInt` with base 0. A positive integer may have 64 bits, like with `ParseUint`.
pub(crate) fn integer(text: &str) -> Option<Integer> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let prefixed = rest.get(..2).and_then(|prefix| match prefix {
        "0x" | "0X" => Some(16),
        "0b" | "0B" => Some(2),
        "0o" | "0O" => Some(8),
        _ => None,
    });
    let (digits, base) = match prefixed {
        Some(base) => (&rest[2..], base),
        None if rest.len() > 1 && rest.starts_with('0') => (&rest[1..], 8),
        None => (rest, 10),
    };
    let magnitude = digits_of(digits, base)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude).map(Integer::Signed)
    } else if let Ok(signed) = i64::try_from(magnitude) {
        Some(Integer::Signed(signed))
    } else if text.starts_with('+') {
        // ParseUint takes no sign.
        None
    } else {
        Some(Integer::Unsigned(magnitude))
    }
}

/// Reads `0b` and `0o` integers whose sign follows the prefix, which the Go library takes by accident.
pub(crate) fn integer_with_inner_sign(text: &str, prefix: &str, base: u32) -> Option<Integer> {
    let rest = text.strip_prefix(prefix)?;
    let (negative, digits) = match rest.as_bytes().first()? {
        b'-' => (true, &rest[1..]),
        b'+' => (false, &rest[1..]),
        _ => return None,
    };
    let magnitude = digits_of(digits, base)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude).map(Integer::Signed)
    } else {
        i64::try_from(magnitude).ok().map(Integer::Signed)
    }
}

fn digits_of(digits: &str, base: u32) -> Option<u64> {
    // Rust would take one more sign here.
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// Reads a float in the notation of YAML 1.2's core schema; none when it is another text or beyond the range.
pub(crate) fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let good_mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let good_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    if !good_mantissa || !good_exponent {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The number as it is after JSON of Go: a float without a fraction that fits 64 bits becomes an integer.
///
/// None for infinity and what is not a number, which JSON cannot hold.
pub(crate) fn normal(parsed: Parsed) -> Option<Number> {
    match parsed {
        Parsed::Integer(Integer::Signed(value)) => Some(value.into()),
        Parsed::Integer(Integer::Unsigned(value)) => Some(value.into()),
        Parsed::Float(value) => match whole(value) {
            Some(integer) => normal(Parsed::Integer(integer)),
            None => Number::from_f64(value),
        },
    }
}

/// The integer that a float without a fraction becomes by way of its JSON text: its shortest digits, filled up with zeros.
fn whole(value: f64) -> Option<Integer> {
    if value.fract() != 0.0 || value.abs() >= 1e21 {
        return None;
    }
    let text = value.to_string();
    integer(if value == 0.0 { "0" } else { &text })
}

/// Writes a number as kustomize does: integers in full, floats with the fewest digits that read back, and with an exponent of at
/// least two digits below 1e-4 and from 1e+06 on, like `strconv.FormatFloat` with format `g`.
pub(crate) fn print(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => match whole(value) {
            Some(Integer::Signed(value)) => value.to_string(),
            Some(Integer::Unsigned(value)) => value.to_string(),
            None => general(&format!("{value:e}")),
        },
        _ => number.to_string(),
    }
}

/// A float as the key of a mapping in YAML 1.1, which Go prints with the precision of 32 bits.
#[allow(clippy::cast_possible_truncation, reason = "the tools round here, and a key must be the same")]
pub(crate) fn print_key(value: f64) -> String {
    general(&format!("{:e}", value as f32))
}

/// From Rust's shortest scientific notation, such as `-1.5e-7`, to Go's `g`.
fn general(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return scientific.to_owned();
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    if (-4..6).contains(&exponent) {
        let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
        return format!("{sign}{}", fixed(&digits, exponent));
    }
    let (exponent_sign, exponent) = if exponent < 0 { ('-', -exponent) } else { ('+', exponent) };
    format!("{sign}{mantissa}e{exponent_sign}{exponent:02}")
}

fn fixed(digits: &str, exponent: i32) -> String {
    match usize::try_from(exponent) {
        Err(_) => format!("0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1)),
        Ok(point) if point + 1 >= digits.len() => format!("{digits}{}", "0".repeat(point + 1 - digits.len())),
        Ok(point) => format!("{}.{}", &digits[..=point], &digits[point + 1..]),
    }
}
