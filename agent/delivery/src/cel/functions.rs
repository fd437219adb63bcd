//! The functions that an expression may call, and how large their values may be.

use kube_cel::cel::common::ast::operators as op;

/// How the value of a function depends on its arguments.
#[derive(Clone, Copy)]
pub(super) enum Growth {
    /// A number, a bool, a time.
    Scalar,
    /// No larger than the largest, and it compares each item with each.
    Pairs,
    /// Parts of a string that a regular expression finds.
    Regex,
    /// No larger than the largest.
    Largest,
    /// All of them one after the other.
    Joined,
    /// One for each part of another.
    Product,
    /// Parts of a string.
    Split,
    /// A string in which each character takes more room.
    Longer,
}

/// Whether what looks like a variable is the first part of the name of functions.
pub(super) fn is_library(name: &str) -> bool {
    matches!(name, "math" | "sets" | "base64" | "ip" | "optional" | "strings" | "jsonpatch" | "lists")
}

/// The functions that may be called. Not among them are those that make much of little: `lists.range`, `format`.
#[rustfmt::skip]
const FUNCTIONS: [(Growth, &[&str]); 8] = [
    (Growth::Scalar, &[
        op::LOGICAL_AND, op::LOGICAL_OR, op::LOGICAL_NOT, op::NOT_STRICTLY_FALSE, op::EQUALS, op::NOT_EQUALS, op::GREATER,
        op::GREATER_EQUALS, op::LESS, op::LESS_EQUALS, op::NEGATE, op::SUBSTRACT, op::MULTIPLY, op::DIVIDE, op::MODULO, op::IN,
        "size", "contains", "startsWith", "endsWith", "int", "uint", "double", "bool", "hasValue", "isSorted", "sum", "indexOf",
        "lastIndexOf", "duration", "timestamp", "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek",
        "getHours", "getMinutes", "getSeconds", "getMilliseconds",
    ]),
    (Growth::Pairs, &["sets.contains", "sets.equivalent", "sets.intersects", "distinct"]),
    (Growth::Regex, &["matches", "find", "findAll"]),
    (Growth::Largest, &[
        op::CONDITIONAL, op::INDEX, op::OPT_INDEX, op::OPT_SELECT,
        "charAt", "substring", "trim", "lowerAscii", "upperAscii", "min", "max", "first", "last", "slice", "reverse", "sort", "flatten",
        "optional.none", "optional.of", "optional.ofNonZeroValue", "value", "or", "orValue", "base64.decode",
        "quantity", "isQuantity", "isInteger", "asInteger", "asApproximateFloat", "sign", "add", "sub", "isGreaterThan", "isLessThan",
        "compareTo", "semver", "isSemver", "major", "minor", "patch",
        "isIP", "ip", "ip.isCanonical", "family", "isLoopback", "isUnspecified", "isLinkLocalMulticast", "isLinkLocalUnicast",
        "isGlobalUnicast", "cidr", "isCIDR", "containsIP", "containsCIDR", "prefixLength", "masked",
        "url", "isURL", "getScheme", "getHost", "getHostname", "getPort", "getEscapedPath", "getQuery",
        "math.ceil", "math.floor", "math.round", "math.trunc", "math.abs", "math.sign", "math.isInf", "math.isNaN", "math.isFinite",
        "math.sqrt", "math.greatest", "math.least",
    ]),
    (Growth::Joined, &[op::ADD]),
    (Growth::Product, &["replace", "join"]),
    (Growth::Split, &["split"]),
    (Growth::Longer, &["string", "bytes", "strings.quote", "base64.encode", "jsonpatch.escapeKey"]),
];

/// How a function grows; `None` when there is none of this name.
pub(super) fn growth(name: &str) -> Option<Growth> {
    FUNCTIONS.iter().find(|(_, names)| names.contains(&name)).map(|(growth, _)| *growth)
}
