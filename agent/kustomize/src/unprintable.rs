//! Text that kustomize reads and then can not write: it passes every object and every built-in step through YAML and back.

use crate::error::Fault;
use crate::tree::Tree;

/// Refuses a key that does not read as a string without quotes. kustomize adds keys so, and then can not print the object,
/// which is its bug.
pub(crate) fn check_key(key: &str) -> Result<(), Fault> {
    if key.is_empty() {
        return Err(Fault::conflict("the key is empty; give it a name"));
    }
    if key != "<<" && Tree::plain(key).is_string() {
        return Ok(());
    }
    let message = format!(
        "the key {key:?} does not read as a string when it stands without quotes, as kustomize writes it; choose another key"
    );
    Err(Fault::conflict(message))
}

/// Refuses characters that YAML allows as escapes alone, and that kustomize writes as they are on the way.
pub(crate) fn check_text(text: &str) -> Result<(), Fault> {
    if text.is_ascii() && !text.as_bytes().contains(&0x7F) {
        return Ok(());
    }
    let unprintable = |c: &char| matches!(c, '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}');
    match text.chars().find(unprintable) {
        None => Ok(()),
        Some(found) => Err(Fault::syntax(format!(
            "the text contains the control character U+{:04X}, which kustomize can not print; remove it",
            u32::from(found)
        ))),
    }
}

/// Refuses text of several lines that begins with a tab. kustomize writes it as a block without saying how deep it is indented,
/// and can not read that again, which is its bug.
pub(crate) fn check_block(text: &str) -> Result<(), Fault> {
    let is_block = text.contains('\n') && !text.contains(" \n") && !text.ends_with(' ') && !text.contains('\r');
    let is_printable = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | '\u{85}');
    if text.starts_with('\t') && is_block && text.chars().all(is_printable) {
        let message = "the text has several lines and begins with a tab, which kustomize can not carry in a config map; begin it with another character";
        return Err(Fault::conflict(message));
    }
    Ok(())
}

/// What becomes of the character U+0085 and the blanks around it. kustomize writes it as it is between quotes, where it is a
/// line break to the reader, and a line break in quotes is folded: its bug.
pub(crate) fn fold_next_lines(text: &str) -> Option<String> {
    const NEXT_LINE: char = '\u{85}';
    let (before, _) = text.split_once(NEXT_LINE)?;
    let mut folded = before.trim_end_matches(' ').to_owned();
    let mut rest = text.strip_prefix(before)?;
    while !rest.is_empty() {
        let after = rest.trim_start_matches([' ', NEXT_LINE]);
        let (blanks, _) = rest.split_at(rest.len() - after.len());
        match blanks.matches(NEXT_LINE).count() {
            0 => folded.push_str(blanks),
            1 => folded.push(' '),
            breaks => folded.extend(std::iter::repeat_n('\n', breaks - 1)),
        }
        let text = after.split([' ', NEXT_LINE]).next().unwrap_or_default();
        folded.push_str(text);
        rest = after.strip_prefix(text)?;
    }
    Some(folded)
}

/// Makes of an object what is left of it when it is printed, unless it can not be printed.
pub(crate) fn pass(tree: &mut Tree) -> Result<(), Fault> {
    match tree {
        Tree::Scalar(scalar) => {
            check_text(&scalar.text)?;
            if let Some(folded) = fold_next_lines(&scalar.text) {
                scalar.text = folded;
            }
            Ok(())
        }
        Tree::Sequence(items) => items.iter_mut().try_for_each(pass),
        Tree::Mapping(map) => map.iter_mut().try_for_each(|(key, value)| check_text(key).and_then(|()| pass(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds() {
        assert_eq!(fold_next_lines("plain text"), None);
        assert_eq!(fold_next_lines("a \u{85}\u{85} b  c\u{85}d").as_deref(), Some("a\nb  c d"));
        assert_eq!(fold_next_lines("\u{85}a\u{85}").as_deref(), Some(" a "));
    }
}
