//! What every forge can do, in the words that most of them share.

use std::fmt;

use crate::{Error, Kind, Marker};

/// A repository on a forge.
pub trait Forge: Send + Sync + fmt::Debug {
    /// Which forge it is.
    fn kind(&self) -> Kind;

    /// What it can do and others can't.
    fn capabilities(&self) -> Capabilities;

    /// The open pull request from the branch `head` of this repository into `base`.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn find(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error>;

    /// The newest pull request from the branch `head` of this repository into `base`, in any state, as far as the forge lists it among the
    /// latest few hundred.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn latest(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error>;

    /// A pull request by its number.
    ///
    /// # Errors
    /// [`Error::NotFound`], and all that a forge can do wrong.
    fn get(&self, number: u64) -> Result<PullRequest, Error>;

    /// The open pull requests into `base`, at most a few hundred of them.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn open(&self, base: &str) -> Result<Vec<PullRequest>, Error>;

    /// The pull requests into `base` that were merged, those first that changed last: one page of them, about fifty.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn merged(&self, base: &str) -> Result<Vec<PullRequest>, Error>;

    /// Opens a pull request.
    ///
    /// # Errors
    /// [`Error::Refused`], as when there is one already, and all that a forge can do wrong.
    fn create(&self, new: &NewPullRequest) -> Result<PullRequest, Error>;

    /// Changes title and body of a pull request.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn update(&self, number: u64, change: &Change) -> Result<(), Error>;

    /// Closes a pull request without merging it.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn close(&self, number: u64) -> Result<(), Error>;

    /// Merges a pull request if its head is still the one that is given.
    ///
    /// # Errors
    /// [`Error::HeadMoved`] and [`Error::NotMergeable`], then nothing was merged; and all that a forge can do wrong.
    fn merge(&self, number: u64, merge: &Merge) -> Result<(), Error>;

    /// The comments of a pull request, at most about a thousand.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn comments(&self, number: u64) -> Result<Vec<Comment>, Error>;

    /// Writes a comment.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn comment(&self, number: u64, body: &str) -> Result<(), Error>;

    /// Changes a comment of this pull request.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn edit_comment(&self, number: u64, comment: u64, body: &str) -> Result<(), Error>;

    /// Adds labels to a pull request, and makes those that the repository does not have. Nothing happens where there are no labels.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn add_labels(&self, number: u64, labels: &[Label]) -> Result<(), Error>;

    /// The latest statuses of a commit, one for each name.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn statuses(&self, commit: &str) -> Result<Vec<Status>, Error>;

    /// Sets a status of a commit, in place of the one of the same name.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn set_status(&self, commit: &str, status: &Status) -> Result<(), Error>;

    /// The latest review of each reviewer that approved or asked for changes.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn reviews(&self, number: u64) -> Result<Vec<Review>, Error>;

    /// Asks people for a review, by the names that they have on the forge.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::NotFound`] for names that can't be asked, and all that a forge can do wrong.
    fn request_reviews(&self, number: u64, reviewers: &[String]) -> Result<(), Error>;

    /// Makes sure that the comment with this marker says `body`: it is written, changed or left as it is. Comments that others wrote
    /// are never touched, as long as none of them holds the marker.
    ///
    /// # Errors
    /// All that a forge can do wrong.
    fn upsert_comment(&self, number: u64, marker: &Marker, body: &str) -> Result<(), Error> {
        let text = marker.apply(body, self.capabilities().html);
        let known = self.comments(number)?.into_iter().find(|comment| marker.is_in(&comment.body));
        match known {
            // Forges keep line ends as they like.
            Some(comment) if same_text(&comment.body, &text) => Ok(()),
            Some(comment) => self.edit_comment(number, comment.id, &text),
            None => self.comment(number, &text),
        }
    }
}

/// Whether two texts differ in line ends and outer white space at most.
fn same_text(a: &str, b: &str) -> bool {
    a.trim().lines().map(str::trim_end).eq(b.trim().lines().map(str::trim_end))
}

/// What a forge can do.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each says whether one forge can do one thing, and they do not depend on one another"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether pull requests have labels.
    pub labels: bool,
    /// Whether Markdown may hold HTML: comments that nobody sees, and `<details>`.
    pub html: bool,
    /// Whether the forge itself compares the head when it merges. Where it doesn't, it is read right before.
    pub guards_head: bool,
    /// Whether a review names the commit that it is for.
    pub reviews_name_commit: bool,
    /// Whether the one who merges chooses between merge, squash and rebase. On GitLab the project decides on the last.
    pub rebases: bool,
    /// The largest body of a pull request or comment, in characters.
    pub body_limit: usize,
}

/// A pull request. GitLab calls it a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The body, in Markdown.
    pub body: String,
    /// Where people read it.
    pub url: String,
    /// The branch that it brings.
    pub head: String,
    /// The commit of that branch. Bitbucket gives twelve digits of it: see [`same_commit`].
    pub head_commit: String,
    /// Whether the branch is in another repository, which anybody may own.
    pub from_fork: bool,
    /// The branch that it goes into.
    pub base: String,
    /// Whether it is open.
    pub state: State,
    /// Once it is merged, the commit of `base` that it became: of a rebase, the last one.
    pub merge_commit: Option<String>,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Who opened it.
    pub author: String,
}

/// Whether a pull request is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can be merged or closed.
    Open,
    /// It was merged.
    Merged,
    /// It was closed and not merged.
    Closed,
}

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPullRequest {
    /// The branch that it brings, in this repository.
    pub head: String,
    /// The branch that it goes into.
    pub base: String,
    /// The title.
    pub title: String,
    /// The body, in Markdown.
    pub body: String,
}

/// What to change about a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The title.
    pub title: String,
    /// The body, in Markdown.
    pub body: String,
}

/// How to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The head that was judged: with another one nothing is merged.
    pub head: String,
    /// How the commits get into the base.
    pub method: MergeMethod,
    /// Subject of the commit that the merge makes.
    pub title: String,
    /// The rest of its message. A rebase makes no commit and has none.
    pub message: String,
}

/// How commits of a pull request get into its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeMethod {
    /// A commit with two parents.
    #[default]
    Merge,
    /// One commit that holds all.
    Squash,
    /// The commits themselves, on top of the base.
    Rebase,
}

/// A comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// Its text, in Markdown.
    pub body: String,
    /// Who wrote it.
    pub author: String,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Its colour when it must be made, as six hexadecimal digits.
    pub colour: String,
    /// What it means, when it must be made.
    pub description: String,
}

/// A status of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name, which rules of the forge may require, such as `plumb/prod/upstream/staging`.
    pub name: String,
    /// What it says.
    pub state: StatusState,
    /// Why, in one line. Cut to what the forge takes.
    pub description: String,
    /// Where to read more. Bitbucket wants one and gets the repository's when there is none.
    pub url: Option<String>,
}

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// Not yet.
    Pending,
    /// Good.
    Success,
    /// Bad.
    Failure,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub state: ReviewState,
    /// The head that was reviewed, where the forge tells.
    pub commit: Option<String>,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewState {
    /// It may be merged.
    Approved,
    /// It may not.
    ChangesRequested,
}

/// Whether two ids mean one commit: Bitbucket writes only twelve digits of one.
#[must_use]
pub fn same_commit(a: &str, b: &str) -> bool {
    const ENOUGH: usize = 12;
    let shared = a.len().min(b.len());
    shared >= ENOUGH && a.as_bytes()[..shared].eq_ignore_ascii_case(&b.as_bytes()[..shared])
}

/// What one review of a list says; `None` takes back what its author said before.
pub(crate) struct Word {
    pub(crate) author: String,
    pub(crate) state: Option<ReviewState>,
    pub(crate) commit: Option<String>,
}

/// The latest word of each reviewer, in the order in which they first spoke. Later reviews stand later in the list.
pub(crate) fn latest_reviews(all: impl IntoIterator<Item = Word>) -> Vec<Review> {
    let mut latest: Vec<Word> = Vec::new();
    for word in all {
        match latest.iter_mut().find(|known| known.author == word.author) {
            Some(known) => *known = word,
            None => latest.push(word),
        }
    }
    latest
        .into_iter()
        .filter_map(|word| Some(Review { author: word.author, state: word.state?, commit: word.commit }))
        .collect()
}

/// A text of at most `most` characters; what is cut is marked.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_are_enough() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert!(same_commit(id, id) && same_commit(id, "0123456789ab") && same_commit("0123456789AB", id));
        assert!(!same_commit(id, "0123456789ac") && !same_commit(id, "0123456") && !same_commit("", ""));
    }

    #[test]
    fn the_latest_word_of_a_reviewer_counts() {
        let word = |author: &str, state| Word { author: author.to_owned(), state, commit: None };
        let reviews = latest_reviews([
            word("ada", Some(ReviewState::Approved)),
            word("ben", Some(ReviewState::ChangesRequested)),
            word("ada", None),
            word("ben", Some(ReviewState::Approved)),
        ]);
        assert_eq!(reviews, [Review { author: "ben".into(), state: ReviewState::Approved, commit: None }]);
    }

    #[test]
    fn line_ends_make_no_difference() {
        assert!(same_text("a\r\nb\n\n", "a\nb"));
        assert!(!same_text("a\nb", "a\nc"));
    }

    #[test]
    fn a_text_is_cut_at_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
