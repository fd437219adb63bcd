//! What trailers mean to Plumb: a request (`Promote-To`, `Rollback-Of`, `Release-Hold`) and its result (`Promoted-To`).

use std::fmt::Write as _;

use super::{Error, Readings, Trailer, lines, patch_start};

/// Asks for a promotion to the environment that it names; may stand several times, once per environment.
pub const PROMOTE_TO: &str = "Promote-To";
/// Which revision to promote; without it, the labelled commit.
pub const PROMOTE_REVISION: &str = "Promote-Revision";
/// Asks for the environment that it names to go back; may stand several times.
pub const ROLLBACK_OF: &str = "Rollback-Of";
/// Which revision to go back to; without it, the last one before that was healthy there.
pub const ROLLBACK_TO: &str = "Rollback-To";
/// Why the environment stays there until the hold is released.
pub const ROLLBACK_HOLD: &str = "Rollback-Hold";
/// Asks for the hold on the environment that it names to end; may stand several times.
pub const RELEASE_HOLD: &str = "Release-Hold";
/// The environment whose pin a promotion commit moves.
pub const PROMOTED_TO: &str = "Promoted-To";
/// An environment that proved the revision; one trailer per upstream.
pub const PROMOTED_FROM: &str = "Promoted-From";
/// The revision that the pin names from now on.
pub const PROMOTED_REVISION: &str = "Promoted-Revision";
/// The revision that a rollback leaves behind.
pub const ROLLED_BACK_FROM: &str = "Rolled-Back-From";
/// The environment whose hold ends.
pub const HOLD_RELEASED: &str = "Hold-Released";
/// The commit that asked for the promotion.
pub const PROMOTION_REQUEST: &str = "Promotion-Request";
/// A gate and what it said: `<name>=<verdict>`.
pub const PROMOTION_GATE: &str = "Promotion-Gate";

const REQUEST_KEYS: [&str; 6] = [PROMOTE_TO, PROMOTE_REVISION, ROLLBACK_OF, ROLLBACK_TO, ROLLBACK_HOLD, RELEASE_HOLD];
const RESULT_KEYS: [&str; 7] =
    [PROMOTED_TO, PROMOTED_FROM, PROMOTED_REVISION, ROLLED_BACK_FROM, HOLD_RELEASED, PROMOTION_REQUEST, PROMOTION_GATE];

/// What a commit asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// That a revision comes to the environment.
    Promote,
    /// That the environment goes back to a revision, and stays there.
    Rollback {
        /// Why it stays there; `None` leaves the words to Plumb.
        hold: Option<String>,
    },
    /// That the environment may move again.
    Release,
}

/// What one commit asks of one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromotionRequest {
    /// The name of the environment, as written.
    pub environment: String,
    /// What is asked for.
    pub kind: RequestKind,
    /// The revision asked for: 7 to 40 lower-case hexadecimal digits. Without it, a promotion is one of the labelled commit itself, and a
    /// rollback goes to the last revision before that was healthy.
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
    /// The full id of the revision that was left behind, when this is a rollback.
    pub rolled_back_from: Option<String>,
    /// Whether it only ends a hold.
    pub released: bool,
    /// The full id of the commit that asked for it; `None` when nobody did with a commit.
    pub request: Option<String>,
    /// The gates that were passed, with their verdicts.
    pub gates: Vec<(String, String)>,
}

/// What a commit asks for, one request per environment and in the order of its trailers. A message without a
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
    let kinds = [PROMOTE_TO, ROLLBACK_OF, RELEASE_HOLD];
    let asked: Vec<&'static str> =
        kinds.into_iter().filter(|key| trailers.iter().any(|trailer| trailer.is(key))).collect();
    let details = [(PROMOTE_REVISION, PROMOTE_TO), (ROLLBACK_TO, ROLLBACK_OF), (ROLLBACK_HOLD, ROLLBACK_OF)];
    for (key, needs) in details {
        if trailers.iter().any(|trailer| trailer.is(key)) && !asked.contains(&needs) {
            return Err(Error::Alone { key, needs });
        }
    }
    let key = match asked.as_slice() {
        [key] => *key,
        [one, other, ..] => return Err(Error::Several { one, other }),
        [] => return Ok(Vec::new()),
    };
    let revision = |key| at_most_one(&trailers, key)?.map(|value| hexadecimal(key, value, 7)).transpose();
    let (kind, revision) = match key {
        PROMOTE_TO => (RequestKind::Promote, revision(PROMOTE_REVISION)?),
        ROLLBACK_OF => {
            let hold = at_most_one(&trailers, ROLLBACK_HOLD)?;
            if hold == Some("") {
                return Err(Error::Empty { key: ROLLBACK_HOLD, example: "until the cause is known" });
            }
            (RequestKind::Rollback { hold: hold.map(str::to_owned) }, revision(ROLLBACK_TO)?)
        }
        _ => (RequestKind::Release, None),
    };
    let mut requests: Vec<PromotionRequest> = Vec::new();
    for environment in values(&trailers, key) {
        if environment.is_empty() {
            return Err(Error::Empty { key, example: "staging" });
        }
        if requests.iter().all(|request| request.environment != environment) {
            requests.push(PromotionRequest {
                environment: environment.to_owned(),
                kind: kind.clone(),
                revision: revision.clone(),
                commit: commit.to_owned(),
            });
        }
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
    let rolled_back_from = at_most_one(&trailers, ROLLED_BACK_FROM)?;
    let released = at_most_one(&trailers, HOLD_RELEASED)?;
    Ok(Some(PromotionResult {
        to: to.to_owned(),
        from: values(&trailers, PROMOTED_FROM).map(str::to_owned).collect(),
        revision: hexadecimal(PROMOTED_REVISION, revision, 40)?,
        rolled_back_from: rolled_back_from.map(|value| hexadecimal(ROLLED_BACK_FROM, value, 40)).transpose()?,
        released: released.is_some(),
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
    let _ = match (&result.rolled_back_from, result.released) {
        (Some(_), _) => writeln!(text, "roll {to} back to {short}\n"),
        (None, true) => writeln!(text, "release the hold on {to}\n"),
        (None, false) => writeln!(text, "promote {to} to {short}\n"),
    };
    let mut trailer = |key: &str, value: &str| {
        let _ = writeln!(text, "{key}: {}", one_line(value));
    };
    trailer(PROMOTED_TO, &to);
    for from in &result.from {
        trailer(PROMOTED_FROM, from);
    }
    trailer(PROMOTED_REVISION, &result.revision);
    if let Some(failed) = &result.rolled_back_from {
        trailer(ROLLED_BACK_FROM, failed);
    }
    if result.released {
        trailer(HOLD_RELEASED, &to);
    }
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
