//! Commits that take others back.

/// What `git revert` writes before the id of the commit that it takes back.
const REVERTS: &str = "This reverts commit ";

/// The full ids of the commits that a message says it takes back, in the words of git-revert(1).
pub fn reverted(message: &str) -> impl Iterator<Item = &str> {
    message.lines().filter_map(id)
}

/// The full id that a line names.
fn id(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(REVERTS)?;
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).unwrap_or(rest.len());
    rest.get(..end).filter(|id| id.len() == 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_git() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let read = |message: &str| reverted(message).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(read(&format!("Revert \"x\"\n\nThis reverts commit {id}.\n")), [id]);
        let merge = format!("Revert \"x\"\n\nThis reverts commit {id}, reversing\nchanges made to {id}.\n");
        assert_eq!(read(&merge), [id]);
        for message in
            ["", "This reverts commit 0123456.", "This reverts commit", &format!("see: This reverts commit {id}")]
        {
            assert!(read(message).is_empty(), "{message}");
        }
    }
}
