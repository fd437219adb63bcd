//! Label selectors as Kubernetes writes them: `app=web,tier in (a, b),!legacy`.

use crate::error::Fault;

/// Requirements that must all hold; none holds always.
#[derive(Debug, Default)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, PartialEq)]
enum Requirement {
    Exists(String),
    Missing(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Greater(String, i64),
    Less(String, i64),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Sign(&'static str),
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let wrong =
            || Fault::syntax(format!("{text:?} is not a label selector, such as app=web,tier in (a,b),!legacy"));
        let mut tokens = tokens(text).ok_or_else(wrong)?.into_iter().peekable();
        let mut requirements = Vec::new();
        while tokens.peek().is_some() {
            if !requirements.is_empty() && tokens.next() != Some(Token::Sign(",")) {
                return Err(wrong());
            }
            requirements.push(requirement(&mut tokens).ok_or_else(wrong)?);
        }
        requirements.iter().try_for_each(Requirement::check)?;
        Ok(Self(requirements))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many steps it takes to match so many labels.
    pub(crate) fn steps(&self, labels: usize) -> usize {
        let values = |requirement: &Requirement| match requirement {
            Requirement::In(_, values) | Requirement::NotIn(_, values) => values.len(),
            _ => 0,
        };
        self.0.len().saturating_mul(8 + labels).saturating_add(self.0.iter().map(values).sum())
    }

    pub(crate) fn matches<'a>(&self, labels: &(impl Iterator<Item = (&'a str, &'a str)> + Clone)) -> bool {
        let value = |key: &str| labels.clone().find(|(name, _)| *name == key).map(|(_, value)| value);
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Missing(key) => value(key).is_none(),
            Requirement::In(key, values) => value(key).is_some_and(|value| values.iter().any(|other| other == value)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|value| values.iter().all(|other| other != value)),
            Requirement::Greater(key, bound) => number(value(key)).is_some_and(|number| number > *bound),
            Requirement::Less(key, bound) => number(value(key)).is_some_and(|number| number < *bound),
        })
    }
}

impl Requirement {
    /// Whether there could be such a label; annotations are held to the same rules, so that not every one can be selected.
    fn check(&self) -> Result<(), Fault> {
        let (key, values) = match self {
            Self::In(key, values) | Self::NotIn(key, values) => (key, values.as_slice()),
            Self::Exists(key) | Self::Missing(key) | Self::Greater(key, _) | Self::Less(key, _) => (key, &[][..]),
        };
        let (prefix, name) = key.split_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        if name.is_empty() || !is_label(name) || !prefix.is_none_or(is_domain) {
            return Err(Fault::syntax(format!(
                "{key:?} can not be the key of a label, such as app or example.com/app"
            )));
        }
        match values.iter().find(|value| !is_label(value)) {
            Some(value) => Err(Fault::syntax(format!(
                "{value:?} can not be the value of a label: expected at most 63 letters, digits, dashes, underscores and dots, with a letter or digit at both ends"
            ))),
            None => Ok(()),
        }
    }
}

fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    text.len() <= 63 && text.bytes().all(inner) && has_alphanumeric_ends(text)
}

fn is_domain(text: &str) -> bool {
    let part = |part: &str| {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !part.is_empty() && part.bytes().all(inner) && has_alphanumeric_ends(part)
    };
    text.len() <= 253 && text.split('.').all(part)
}

fn has_alphanumeric_ends(text: &str) -> bool {
    let is_fine = |c: Option<u8>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    is_fine(text.bytes().next()) && is_fine(text.bytes().next_back())
}

fn number(value: Option<&str>) -> Option<i64> {
    value?.parse().ok()
}

fn requirement(tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) -> Option<Requirement> {
    let word = |tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>| match tokens.next() {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    };
    if tokens.next_if_eq(&Token::Sign("!")).is_some() {
        return word(tokens).map(Requirement::Missing);
    }
    let key = word(tokens)?;
    let Some(operator) = tokens.next_if(|token| *token != Token::Sign(",")) else {
        return Some(Requirement::Exists(key));
    };
    // A sign may be followed by nothing, which stands for the empty value.
    let value = |tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>| match tokens.peek() {
        Some(Token::Word(_)) => word(tokens),
        None | Some(Token::Sign(",")) => Some(String::new()),
        Some(Token::Sign(_)) => None,
    };
    match operator {
        Token::Sign("=" | "==") => Some(Requirement::In(key, vec![value(tokens)?])),
        Token::Sign("!=") => Some(Requirement::NotIn(key, vec![value(tokens)?])),
        Token::Sign(">") => Some(Requirement::Greater(key, value(tokens)?.parse().ok()?)),
        Token::Sign("<") => Some(Requirement::Less(key, value(tokens)?.parse().ok()?)),
        Token::Word(word) if word == "in" => Some(Requirement::In(key, list(tokens)?)),
        Token::Word(word) if word == "notin" => Some(Requirement::NotIn(key, list(tokens)?)),
        _ => None,
    }
}

fn list(tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) -> Option<Vec<String>> {
    tokens.next_if_eq(&Token::Sign("("))?;
    let mut values = Vec::new();
    let mut current = String::new();
    loop {
        match tokens.next()? {
            Token::Word(word) if current.is_empty() => current = word,
            Token::Sign(",") => values.push(std::mem::take(&mut current)),
            Token::Sign(")") => {
                values.push(current);
                return Some(values);
            }
            _ => return None,
        }
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let sign = ["==", "!=", "=", "!", ",", "(", ")", ">", "<"].into_iter().find(|sign| rest.starts_with(sign));
        let length = if let Some(sign) = sign {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "=!,()<>".contains(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest.get(..end)?.to_owned()));
            end.max(first.len_utf8())
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str) -> bool {
        let labels = [("app", "web"), ("tier", "back"), ("size", "5")];
        LabelSelector::parse(selector).unwrap().matches(&labels.iter().copied())
    }

    #[test]
    fn selects() {
        for selector in [
            "",
            "app=web",
            "app == web",
            "app!=db",
            "app in (db, web)",
            "app notin (db)",
            "other notin (a)",
            "app",
            "!other",
            "app=web,tier in (back),!x",
            "size>4",
            "size<6",
            "x!=1",
        ] {
            assert!(matches(selector), "{selector}");
        }
        for selector in ["app=db", "app!=web", "app in (db)", "app notin (web)", "other", "!app", "size>5", "app="] {
            assert!(!matches(selector), "{selector}");
        }
    }

    #[test]
    fn refuses_what_is_no_selector() {
        for selector in [
            "=web",
            "app=web,",
            "app in web",
            "a b",
            "app in (a",
            "size>x",
            "a=(b)",
            "a/b/c",
            "-a",
            "A.b/c",
            "a=b/c",
            "a=-",
        ] {
            assert!(LabelSelector::parse(selector).is_err(), "{selector}");
        }
    }
}
