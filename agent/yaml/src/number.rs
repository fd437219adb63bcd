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
    if value == 0.0 {
        return Some(Integer::Signed(0));
    }
    let shortest = Shortest::of(value)?;
    integer(&format!("{}{}", shortest.sign, shortest.fixed()))
}

/// Writes a number as kustomize does: integers in full, floats with the fewest digits that read back, and with an exponent of at
/// least two digits below 1e-4 and from 1e+06 on, like `strconv.FormatFloat` with format `g`.
pub(crate) fn print(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => match whole(value) {
            Some(Integer::Signed(value)) => value.to_string(),
            Some(Integer::Unsigned(value)) => value.to_string(),
            None => Shortest::of(value).map_or_else(|| number.to_string(), |shortest| shortest.general()),
        },
        _ => number.to_string(),
    }
}

/// A float as the key of a mapping in YAML 1.1, which Go prints with the precision of 32 bits.
#[allow(clippy::cast_possible_truncation, reason = "the tools round here, and a key must be the same")]
pub(crate) fn print_key(value: f64) -> String {
    let single = value as f32;
    if single == 0.0 {
        return if single.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    match Shortest::parse(&format!("{single:e}")) {
        Some(shortest) if single.is_finite() => shortest.general(),
        _ if value.is_nan() => ".nan".to_owned(),
        _ => if value > 0.0 { ".inf" } else { "-.inf" }.to_owned(),
    }
}

/// The fewest decimal digits that read back as a float other than zero.
struct Shortest {
    sign: &'static str,
    /// Without zeros at either end; the point stands behind the first.
    digits: String,
    exponent: i32,
}

impl Shortest {
    /// The digits of JSON: where two candidates are equally near they end in an even digit, as in Go, and unlike in Rust's own
    /// formatting.
    fn of(value: f64) -> Option<Self> {
        Self::parse(&Number::from_f64(value)?.to_string())
    }

    fn parse(text: &str) -> Option<Self> {
        let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
        let (before_point, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{before_point}{fraction}");
        let leading_zeros = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        let moved = i32::try_from(before_point.len()).ok()? - 1 - i32::try_from(leading_zeros).ok()?;
        let exponent = exponent.parse::<i32>().ok()?.checked_add(moved)?;
        (!digits.is_empty()).then_some(Self { sign, digits, exponent })
    }

    fn general(&self) -> String {
        let Self { sign, digits, exponent } = self;
        if (-4..6).contains(exponent) {
            return format!("{sign}{}", self.fixed());
        }
        let exponent_sign = if *exponent < 0 { '-' } else { '+' };
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.unsigned_abs())
    }

    fn fixed(&self) -> String {
        let digits = &self.digits;
        match usize::try_from(self.exponent) {
            Err(_) => format!("0.{}{digits}", "0".repeat(self.exponent.unsigned_abs() as usize - 1)),
            Ok(point) if point + 1 >= digits.len() => format!("{digits}{}", "0".repeat(point + 1 - digits.len())),
            Ok(point) => format!("{}.{}", &digits[..=point], &digits[point + 1..]),
        }
    }
}
