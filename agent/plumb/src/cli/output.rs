//! What the commands print, and how they say what went wrong.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
};

/// Several things that went wrong: each is told on lines of its own.
#[derive(Debug)]
pub(super) struct Failures(pub(super) Vec<String>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Failures {}

/// Prints to standard output. That the reader has gone, as `head` does when it has enough, is no error.
///
/// # Errors
/// When standard output can't be written for another reason, such as a full disk.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_parts([text])
}

/// Prints a text that comes in parts, as [`print`] does: when the reader has gone, the rest is not made.
///
/// # Errors
/// When standard output can't be written.
pub(super) fn print_parts(parts: impl IntoIterator<Item = impl AsRef<str>>) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    let put = parts.into_iter().try_for_each(|part| stdout.write_all(part.as_ref().as_bytes()));
    written(put.and_then(|()| stdout.flush()))
}

fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("standard output can't be written"))
        }
        _ => Ok(()),
    }
}

/// Says something on standard error that is neither the result nor a failure.
pub(super) fn note(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "plumb: {}", printable(text));
}

/// Says what went wrong, on standard error.
pub(super) fn report(error: &anyhow::Error) {
    let mut stderr = io::stderr().lock();
    for line in failure_lines(error) {
        let _ = writeln!(stderr, "{line}");
    }
}

fn failure_lines(error: &anyhow::Error) -> Vec<String> {
    let messages = match error.downcast_ref::<Failures>() {
        Some(failures) => failures.0.clone(),
        None => vec![format!("{error:#}")],
    };
    let mut lines = Vec::new();
    for message in messages {
        let mut message = message.lines();
        lines.push(format!("plumb: {}", printable(message.next().unwrap_or_default())));
        lines.extend(message.map(|line| format!("  {}", printable(line))));
    }
    lines
}

/// The text without what could steer a terminal: messages come from clusters and repositories, which others write.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A text below another one: each line is set in.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {}", printable(line)).trim_end().to_owned() + "\n").collect()
}

/// Colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Escape sequences as ECMA-48 has them.
    On,
    /// Plain text.
    Off,
}

impl Colour {
    /// On when standard output is a terminal that can do it and nobody asked for plain text (<https://no-color.org>).
    pub(super) fn of_stdout() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let plain = set("NO_COLOR").is_some() || set("TERM").is_some_and(|terminal| terminal == "dumb");
        if io::stdout().is_terminal() && !plain { Self::On } else { Self::Off }
    }

    /// The text in the style of an SGR code, such as `31` for red.
    pub(super) fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

/// How many characters fit on a line of the terminal on standard output; `None` when it isn't a terminal.
pub(super) fn width() -> Option<usize> {
    let (terminal_size::Width(width), _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(width.into())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(error: &anyhow::Error, expected: &Expect) {
        expected.assert_eq(&failure_lines(error).join("\n"));
    }

    #[test]
    fn each_failure_is_told() {
        check(
            &anyhow::Error::new(Failures(vec!["a.yaml:3: no kind".into(), "b.yaml: two\nlines".into()])),
            &expect![[r#"
                plumb: a.yaml:3: no kind
                plumb: b.yaml: two
                  lines"#]],
        );
        check(
            &anyhow::anyhow!("no route").context("git.example.com can't be reached"),
            &expect!["plumb: git.example.com can't be reached: no route"],
        );
    }

    #[test]
    fn no_message_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\tc"), "a\u{fffd}[2Jb\tc");
    }

    #[test]
    fn only_a_reader_that_has_gone_is_forgiven() {
        assert!(written(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(written(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
