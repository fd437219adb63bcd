//! What trailers mean to Plumb: a request (`Promote-To`) and its result (`Promoted-To`).

use std::fmt::Write as _;

use super::{Error, Readings, Trailer, lines, patch_start};

/// Asks for a promotion to the environment that it names; may stand several times, once per environment.
pub const PROMOTE_TO: &str = "Promote-To";
/// Which revision to promote; without it, the labelled commit.
pub const PROMOTE_REVISION: &str = "Promote-Revision";
/// The environment whose pin a promotion commit moves.
pub const PROMOTED_TO: &str = "Promoted-To";
/// An environment that proved the revision; one trailer per upstream.
pub const PROMOTED_FROM: &str = "Promoted-From";
/// The revision that the pin names from now on.
pub const PROMOTED_REVISION: &str = "Promoted-Revision";
/// The commit that asked for the promotion.
pub const PROMOTION_REQUEST: &str = "Promotion-Request";
/// A gate and what it said: `<name>=<verdict>`.
pub const PROMOTION_GATE: &str = "Promotion-Gate";

const REQUEST_KEYS: [&str; 2] = [PROMOTE_TO, PROMOTE_REVISION];
const RESULT_KEYS: [&str; 5] = [PROMOTED_TO, PROMOTED_FROM, PROMOTED_REVISION, PROMOTION_REQUEST, PROMOTION_GATE];

/// One environment that one commit asks to promote to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromotionRequest {
    /// The name of the environment, as written.
    pub environment: String,
    /// The revision asked for: 7 to 40 lower-case hexadecimal digits. `None` asks for the labelled commit itself.
    pub revision: Option<String>,
    /// The full id of the labelled commit.
    pub commit: String,
}

/// What a promotion commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionResult {
    /// The environment whose pin moved.
    pub to: String,
    /// The environments that proved the revision.
    pub from: Vec<String>,
    /// The full id of the revision that runs there from now on.
    pub revision: String,
    /// The full id of the commit that asked for it; `None` when nobody did with a commit.
    pub request: Option<String>,
    /// The gates that were passed, with their verdicts.
    pub gates: Vec<(String, String)>,
}

/// The promotions that a commit asks for, one per environment and in the order of its trailers. A message without a
/// trailer of Plumb asks for nothing, however git reads it.
///
/// # Errors
/// [`Error`] says what to write instead. One unusable trailer makes the whole commit ask for nothing: half of what
/// somebody meant is not what they meant.
pub fn requests(commit: &str, message: &str) -> Result<Vec<PromotionRequest>, Error> {
    let readings = Readings::of(message)?;
    if !readings.any(&REQUEST_KEYS) {
        return Ok(Vec::new());
    }
    let both = readings.any(&RESULT_KEYS);
    let trailers = readings.agreed()?;
    if both {
        return Err(Error::RequestAndResult { request: PROMOTE_TO, result: PROMOTED_TO });
    }
    let revision = at_most_one(&trailers, PROMOTE_REVISION)?.map(|value| hexadecimal(PROMOTE_REVISION, value, 7));
    let revision = revision.transpose()?;
    let mut requests: Vec<PromotionRequest> = Vec::new();
    for environment in values(&trailers, PROMOTE_TO) {
        if environment.is_empty() {
            return Err(Error::Empty { key: PROMOTE_TO, example: "staging" });
        }
        if requests.iter().all(|request| request.environment != environment) {
            requests.push(PromotionRequest {
                environment: environment.to_owned(),
                revision: revision.clone(),
                commit: commit.to_owned(),
            });
        }
    }
    if requests.is_empty() {
        return Err(Error::Alone { key: PROMOTE_REVISION, needs: PROMOTE_TO });
    }
    Ok(requests)
}

/// What a promotion commit says, or `None` when the message is not that of a promotion commit.
///
/// # Errors
/// [`Error`] when the message has trailers of a result that do not make one.
pub fn result(message: &str) -> Result<Option<PromotionResult>, Error> {
    let readings = Readings::of(message)?;
    if !readings.any(&RESULT_KEYS) {
        return Ok(None);
    }
    let trailers = readings.agreed()?;
    let Some(to) = at_most_one(&trailers, PROMOTED_TO)? else {
        return Err(Error::Alone { key: result_key(&trailers), needs: PROMOTED_TO });
    };
    if to.is_empty() {
        return Err(Error::Empty { key: PROMOTED_TO, example: "staging" });
    }
    let Some(revision) = at_most_one(&trailers, PROMOTED_REVISION)? else {
        return Err(Error::Alone { key: PROMOTED_TO, needs: PROMOTED_REVISION });
    };
    let request = at_most_one(&trailers, PROMOTION_REQUEST)?;
    Ok(Some(PromotionResult {
        to: to.to_owned(),
        from: values(&trailers, PROMOTED_FROM).map(str::to_owned).collect(),
        revision: hexadecimal(PROMOTED_REVISION, revision, 40)?,
        request: request.map(|value| hexadecimal(PROMOTION_REQUEST, value, 40)).transpose()?,
        gates: values(&trailers, PROMOTION_GATE)
            .map(|gate| gate.rsplit_once('=').unwrap_or((gate, "")))
            .map(|(name, verdict)| (name.to_owned(), verdict.to_owned()))
            .collect(),
    }))
}

/// The message of a promotion commit. [`result`] reads it back.
///
/// White space inside a name becomes one space, so that no value can start a trailer of its own.
#[must_use]
pub fn message(result: &PromotionResult) -> String {
    let mut text = String::new();
    let short = result.revision.get(..12).unwrap_or(&result.revision);
    let to = one_line(&result.to);
    // Writing to a string cannot fail, hence the discarded results.
    let _ = writeln!(text, "promote {to} to {short}\n");
    let mut trailer = |key: &str, value: &str| {
        let _ = writeln!(text, "{key}: {}", one_line(value));
    };
    trailer(PROMOTED_TO, &to);
    for from in &result.from {
        trailer(PROMOTED_FROM, from);
    }
    trailer(PROMOTED_REVISION, &result.revision);
    if let Some(request) = &result.request {
        trailer(PROMOTION_REQUEST, request);
    }
    for (name, verdict) in &result.gates {
        trailer(PROMOTION_GATE, &format!("{name}={verdict}"));
    }
    text
}

/// The line (from 1) of a `Promote-To:` that asks for nothing because it is not among the trailers, for a hint to
/// its author: a separate `Reviewed-on` paragraph below it, as some forges add on a merge, hides it from git.
///
/// Never a request, only a reason to look: prose may say `Promote-To:` too.
#[must_use]
pub fn missed(message: &str) -> Option<usize> {
    let readings = Readings::of(message).ok()?;
    if readings.any(&REQUEST_KEYS) || readings.any(&RESULT_KEYS) {
        return None;
    }
    lines(&message[..patch_start(message)])
        .position(|(_, line)| {
            line.get(..PROMOTE_TO.len()).is_some_and(|key| key.eq_ignore_ascii_case(PROMOTE_TO))
                && line[PROMOTE_TO.len()..].trim_start().starts_with(':')
        })
        .map(|index| index + 1)
}

fn values<'a>(trailers: &'a [Trailer], key: &'a str) -> impl Iterator<Item = &'a str> {
    trailers.iter().filter(move |trailer| trailer.is(key)).map(|trailer| trailer.value.as_str())
}

fn at_most_one<'a>(trailers: &'a [Trailer], key: &'static str) -> Result<Option<&'a str>, Error> {
    let first = trailers.iter().find(|trailer| trailer.is(key)).map(|trailer| trailer.value.as_str());
    match trailers.iter().filter(|trailer| trailer.is(key)).count() {
        0 | 1 => Ok(first),
        count => Err(Error::Repeated { key, count }),
    }
}

/// The first key of a result among `trailers`, to name it in an error.
fn result_key(trailers: &[Trailer]) -> &'static str {
    RESULT_KEYS.into_iter().find(|key| trailers.iter().any(|trailer| trailer.is(key))).unwrap_or(PROMOTED_REVISION)
}

fn hexadecimal(key: &'static str, value: &str, least: usize) -> Result<String, Error> {
    if (least..=40).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(value.to_ascii_lowercase());
    }
    if value.is_empty() {
        return Err(Error::Empty { key, example: "4b825dc642cb6eb9a060e54bf8d69288fbee4904" });
    }
    Err(Error::NotRevision { key, value: value.to_owned() })
}

fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
