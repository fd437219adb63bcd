//! The order of keys.

use std::cmp::Ordering;

/// Compares keys as `go.yaml.in/yaml/v2` does: at the first difference a letter stands behind any other character, and runs of digits
/// count as numbers.
///
/// This is no total order for keys such as `a0`, `a00` and `a-`; see [`sort`].
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let Some(at) = a.bytes().zip(b.bytes()).position(|(a, b)| a != b) else {
        return a.len().cmp(&b.len());
    };
    // Bytes inside of a character may differ first.
    let at = (0..=at).rev().find(|at| a.is_char_boundary(*at) && b.is_char_boundary(*at)).unwrap_or(0);
    let (same, a) = a.split_at(at);
    let b = b.get(at..).unwrap_or_default();
    let (Some(left), Some(right)) = (a.chars().next(), b.chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (left.is_alphabetic(), right.is_alphabetic()) {
        (true, true) => return left.cmp(&right),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero counts only within a number that began before it.
    let within_number =
        (left == '0' || right == '0') && same.bytes().rev().take_while(u8::is_ascii_digit).any(|byte| byte != b'0');
    let (left_number, left_length) = number(a, within_number);
    let (right_number, right_length) = number(b, within_number);
    left_number.cmp(&right_number).then(left_length.cmp(&right_length)).then(left.cmp(&right))
}

/// The number that a text starts with, and how many digits it has; it wraps like the 64-bit integers of Go.
fn number(text: &str, within_number: bool) -> (i64, usize) {
    let digits = || text.chars().map_while(|c| c.to_digit(10));
    let value =
        digits().fold(i64::from(within_number), |value, digit| value.wrapping_mul(10).wrapping_add(i64::from(digit)));
    (value, digits().count())
}

/// A merge sort, because the sort of the standard library may panic on an order that is not total.
pub(super) fn sort<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering + Copy) -> Vec<T> {
    let mut runs: Vec<Vec<T>> = items.into_iter().map(|item| vec![item]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut rest = runs.into_iter();
        while let Some(first) = rest.next() {
            merged.push(match rest.next() {
                Some(second) => merge(first, second, compare),
                None => first,
            });
        }
        runs = merged;
    }
    runs.pop().unwrap_or_default()
}

fn merge<T>(first: Vec<T>, second: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut merged = Vec::with_capacity(first.len() + second.len());
    let mut first = first.into_iter().peekable();
    let mut second = second.into_iter().peekable();
    while let (Some(a), Some(b)) = (first.peek(), second.peek()) {
        let from = if compare(b, a) == Ordering::Less { &mut second } else { &mut first };
        merged.extend(from.next());
    }
    merged.extend(first);
    merged.extend(second);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sorted: &[&str]) {
        let found = sort(sorted.iter().rev().copied().collect(), |a, b| compare(a, b));
        assert_eq!(found, sorted);
    }

    #[test]
    fn digits_count_as_numbers() {
        check(&["a", "a0", "a1", "a2", "a10", "a11b", "a100"]);
        check(&["1", "2", "10", "20"]);
        check(&["v1.2", "v1.10", "v2.0"]);
        check(&["x9", "x99999999999999999999x"]);
    }

    #[test]
    fn letters_stand_behind_all_else() {
        check(&["_", "A", "B", "a", "a-b", "a.b", "a/b", "a_b", "a1", "ab", "b", "é"]);
    }

    /// The order is not total; sorting must end all the same, and lose nothing.
    #[test]
    fn any_keys_can_be_sorted() {
        let keys: Vec<String> =
            (0..2000u32).map(|n| format!("{:b}-{}", n * 7919 % 64, n * 31 % 1000).replace('1', "00")).collect();
        let mut found = sort(keys.clone(), |a, b| compare(a, b));
        let mut keys = keys;
        found.sort();
        keys.sort();
        assert_eq!(found, keys);
    }
}
