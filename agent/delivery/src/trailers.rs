//! The trailers of a commit message: the `Key: value` lines of its last paragraph.
//!
//! The rules are those of git (`git help interpret-trailers`), so that what Plumb acts on is what anybody's git shows.
//! Git itself has two readings. `git interpret-trailers --parse` takes a line that starts with `---` for the beginning
//! of a patch and reads only what is above it; `git log --format='%(trailers)'` reads the whole message, without the
//! blank lines at its top. A message that the two read differently has no trailers that Plumb would act on: [`parse`]
//! refuses it.
//!
//! The comment character is git's default, `#`, and no `trailer.*` configuration is read: what a commit says must not
//! depend on whose machine reads it.

mod labels;
mod reverts;

pub use labels::{
    HOLD_RELEASED, PROMOTE_REVISION, PROMOTE_TO, PROMOTED_FROM, PROMOTED_REVISION, PROMOTED_TO, PROMOTION_GATE,
    PROMOTION_REQUEST, PromotionRequest, PromotionResult, RELEASE_HOLD, ROLLBACK_HOLD, ROLLBACK_OF, ROLLBACK_TO,
    ROLLED_BACK_FROM, RequestKind, message, missed, requests, result,
};
pub use reverts::reverted;

/// One trailer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// The key as it is written; [`Trailer::is`] compares it the way git does.
    pub key: String,
    /// The value on one line: continuation lines are joined with a space, and the ends are trimmed. May be empty.
    pub value: String,
}

impl Trailer {
    /// Whether this is the trailer `key`. Git compares keys without regard to ASCII case.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }
}

/// Why a commit message asks for nothing that can be acted on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The two readings of git differ.
    #[error(
        "`git interpret-trailers` reads {above} and `git log` reads {whole} in this message: \
         keep one block of trailers, as the last paragraph, and no line that starts with `---`"
    )]
    Disagree {
        /// What stands above the `---` line, for people.
        above: String,
        /// What stands at the end of the whole message, for people.
        whole: String,
    },
    /// Git's own tools stop at a NUL byte and cannot show what follows it.
    #[error("the message holds a NUL byte: write it again without")]
    Nul,
    /// A trailer that must have a value has none.
    #[error("`{key}:` has no value: write `{key}: {example}`")]
    Empty {
        /// The key of the trailer.
        key: &'static str,
        /// What its value may look like.
        example: &'static str,
    },
    /// A revision that is no commit id.
    #[error("`{key}: {value}` is not a commit id: write 7 to 40 hexadecimal digits")]
    NotRevision {
        /// The key of the trailer.
        key: &'static str,
        /// What was written.
        value: String,
    },
    /// A trailer that may stand once stands more often.
    #[error("`{key}` stands {count} times: write it once")]
    Repeated {
        /// The key of the trailer.
        key: &'static str,
        /// How often it stands there.
        count: usize,
    },
    /// A trailer that means nothing without another one.
    #[error("`{key}` needs `{needs}` beside it")]
    Alone {
        /// The key that is there.
        key: &'static str,
        /// The key that is missing.
        needs: &'static str,
    },
    /// A commit asks for one thing.
    #[error("`{one}` and `{other}` stand in one message: ask for each with a commit of its own")]
    Several {
        /// The key of a request.
        one: &'static str,
        /// The key of another one.
        other: &'static str,
    },
    /// A commit is a request or a result, never both.
    #[error("`{request}` and `{result}` stand in one message: a promotion commit is never a request")]
    RequestAndResult {
        /// The key of a request.
        request: &'static str,
        /// The key of a result.
        result: &'static str,
    },
}

/// The trailers of a commit message, in order.
///
/// # Errors
/// [`Error::Disagree`] when git has two answers, [`Error::Nul`] when it has none.
///
/// ```
/// # use plumb_delivery::trailers::parse;
/// let trailers = parse("api: raise the limit\n\nPromote-To: staging\nReviewed-by: Ada\n")?;
/// assert_eq!(trailers[0].key, "Promote-To");
/// assert_eq!(trailers[0].value, "staging");
/// # Ok::<(), plumb_delivery::trailers::Error>(())
/// ```
pub fn parse(message: &str) -> Result<Vec<Trailer>, Error> {
    Readings::of(message)?.agreed()
}

/// Both readings of one message.
struct Readings {
    /// `git interpret-trailers --parse`.
    above: Vec<Trailer>,
    /// `git log --format=%(trailers:only,unfold)`.
    whole: Vec<Trailer>,
}

impl Readings {
    fn of(message: &str) -> Result<Self, Error> {
        if message.contains('\0') {
            return Err(Error::Nul);
        }
        Ok(Self { above: read(&message[..patch_start(message)]), whole: read(skip_blank_lines(message)) })
    }

    /// Whether either reading has one of `keys`.
    fn any(&self, keys: &[&str]) -> bool {
        self.above.iter().chain(&self.whole).any(|trailer| keys.iter().any(|key| trailer.is(key)))
    }

    fn agreed(self) -> Result<Vec<Trailer>, Error> {
        if self.above == self.whole {
            return Ok(self.whole);
        }
        Err(Error::Disagree { above: describe(&self.above), whole: describe(&self.whole) })
    }
}

/// Names a few trailers in an error message.
fn describe(trailers: &[Trailer]) -> String {
    const SHOWN: usize = 3;
    if trailers.is_empty() {
        return "no trailers".to_owned();
    }
    let mut text = trailers
        .iter()
        .take(SHOWN)
        .map(|trailer| format!("`{}: {}`", trailer.key, trailer.value))
        .collect::<Vec<_>>()
        .join(", ");
    if trailers.len() > SHOWN {
        text.push_str(" and more");
    }
    text
}

/// The characters that git takes for white space: not the form feed, nor anything beyond ASCII.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Two kinds of lines that git writes itself; one of them makes a paragraph a block of trailers although some of its
/// lines are prose.
const GIT_WRITES: [&str; 2] = ["Signed-off-by: ", "(cherry picked from commit "];

/// Where `git commit --verbose` puts the diff into a message: nothing from here on belongs to it.
const SCISSORS: &str = "# ------------------------ >8 ------------------------\n";

fn is_blank(line: &str) -> bool {
    line.chars().all(|c| SPACE.contains(&c))
}

/// Lines with their line ends, and the offset at which each starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |offset, line| {
        let start = *offset;
        *offset += line.len();
        Some((start, line))
    })
}

/// Where a patch starts: the first line of three minus signs followed by white space, or the end.
fn patch_start(message: &str) -> usize {
    lines(message)
        .find(|(_, line)| line.strip_prefix("---").is_some_and(|rest| rest.starts_with(SPACE)))
        .map_or(message.len(), |(start, _)| start)
}

fn skip_blank_lines(message: &str) -> &str {
    let start = lines(message).find(|(_, line)| !is_blank(line)).map_or(message.len(), |(start, _)| start);
    &message[start..]
}

/// The trailers at the end of `text`, as git finds them.
fn read(text: &str) -> Vec<Trailer> {
    let text = &text[..block_end(text)];
    unfold(&text[block_start(text)..])
}

/// Cuts what follows the trailers: empty lines, comments, and the list of conflicts that old versions of git wrote.
fn block_end(text: &str) -> usize {
    let cut = if text.starts_with(SCISSORS) {
        0
    } else {
        lines(text).find(|(_, line)| *line == SCISSORS).map_or(text.len(), |(start, _)| start)
    };
    let mut tail = None;
    let mut in_conflicts = false;
    for (start, line) in lines(&text[..cut]) {
        if line.starts_with(['#', '\n']) {
            tail = tail.or(Some(start));
        } else if line == "Conflicts:\n" {
            in_conflicts = true;
            tail = tail.or(Some(start));
        } else if !(in_conflicts && line.starts_with('\t')) {
            tail = None;
            in_conflicts = false;
        }
        // Git keeps the start of the tail in a number whose zero means that there is none.
        tail = tail.filter(|start| *start > 0);
    }
    tail.unwrap_or(cut)
}

/// Where the block of trailers starts: after the last empty line, when the lines below it are all trailers, or at least
/// a quarter of them are and git wrote one of these. The end of `text` when there is no such block.
fn block_start(text: &str) -> usize {
    // The first paragraph is the title, and a title is never a trailer.
    let title =
        lines(text).find(|(_, line)| !line.starts_with('#') && is_blank(line)).map_or(text.len(), |(start, _)| start);
    let (mut trailers, mut others, mut continuations) = (0_usize, 0_usize, 0_usize);
    let (mut only_blank, mut git_wrote) = (true, false);
    let mut end = text.len();
    while end > title {
        let start = text[..end - 1].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &text[start..end];
        if line.starts_with('#') {
            others += continuations;
            continuations = 0;
        } else if is_blank(line) {
            if !only_blank {
                others += continuations;
                let block = (git_wrote && trailers * 3 >= others) || (trailers > 0 && others == 0);
                return if block { end } else { text.len() };
            }
        } else {
            only_blank = false;
            if GIT_WRITES.iter().any(|prefix| line.starts_with(prefix)) {
                git_wrote = true;
                trailers += 1;
                continuations = 0;
            } else if separator(line).is_some() {
                trailers += 1;
                continuations = 0;
            } else if line.starts_with(SPACE) {
                continuations += 1;
            } else {
                others += 1 + continuations;
                continuations = 0;
            }
        }
        end = start;
    }
    text.len()
}

/// Where the colon of a trailer is: after letters, digits and hyphens, then at most blanks.
fn separator(line: &str) -> Option<usize> {
    let key = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))?;
    let colon = key + line[key..].find(|c: char| c != ' ' && c != '\t')?;
    (key > 0 && line[colon..].starts_with(':')).then_some(colon)
}

/// Joins continuation lines with the trailer above them, and leaves out lines that are no trailers.
fn unfold(block: &str) -> Vec<Trailer> {
    let mut trailers: Vec<Trailer> = Vec::new();
    let mut open = false;
    for (_, line) in lines(block) {
        match (separator(line), trailers.last_mut()) {
            (Some(colon), _) => {
                let key = line[..colon].trim_matches(SPACE).to_owned();
                trailers.push(Trailer { key, value: line[colon + 1..].to_owned() });
                open = true;
            }
            (None, Some(last)) if open && line.starts_with(SPACE) => last.value.push_str(line),
            (None, _) => open = false,
        }
    }
    for trailer in &mut trailers {
        trailer.value = one_line(trailer.value.trim_matches(SPACE));
    }
    trailers
}

/// Puts one space in place of each line end and the white space after it, and keeps what is before it, as git does.
fn one_line(value: &str) -> String {
    let mut lines = value.split('\n');
    let mut text = lines.next().unwrap_or_default().to_owned();
    let rest = lines.map(|line| line.trim_start_matches(SPACE)).filter(|line| !line.is_empty());
    for line in rest {
        text.push(' ');
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests;
