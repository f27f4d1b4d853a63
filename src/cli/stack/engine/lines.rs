//! The lines of a stack's file, and the words of a line.

/// A line, with those that continue it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of its first line, from one.
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// The lines of a file as libpam reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<Line>,
    /// The number of the last line if it ends in a backslash: libpam then rejects the
    /// whole file.
    pub(crate) unfinished: Option<usize>,
}

/// The version of libpam that reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Before 1.7: a blank line or a comment between a line and its continuation is
    /// skipped, and a line has at most 1023 bytes.
    Old,
    /// 1.7: a blank line or a comment ends the line before it.
    New,
}

/// How many bytes of a line libpam before 1.7 reads at once.
pub(crate) const OLD_LINE: usize = 1023;

/// Joins and cuts the lines of `text`.
pub(crate) fn assemble(text: &str, age: Age) -> Lines {
    let mut read = Lines::default();
    let mut open: Option<Line> = None;
    for (number, whole) in (1..).zip(text.split_inclusive('\n')) {
        // A NUL byte ends a string of C.
        let whole = whole.split('\0').next().unwrap_or_default();
        let (line, comment) = match whole.split_once('#') {
            Some((line, _)) => (line, true),
            None => (whole, false),
        };
        let line = line.trim_start_matches(BLANK);
        let bare = line.trim_end_matches(BLANK);
        let continued = (!comment).then(|| bare.strip_suffix('\\')).flatten();
        if let Some(part) = continued {
            let line = open.get_or_insert(Line {
                number,
                text: String::new(),
            });
            line.text.push_str(part);
            line.text.push(' ');
            continue;
        }
        if line.is_empty() && (open.is_none() || age == Age::Old) {
            continue;
        }
        let mut done = open.take().unwrap_or(Line {
            number,
            text: String::new(),
        });
        done.text.push_str(line);
        if !done.text.is_empty() {
            read.lines.push(done);
        }
    }
    read.unfinished = open.map(|line| line.number);
    read
}

const BLANK: [char; 3] = [' ', '\t', '\n'];

/// The words of a line. Text in brackets is one word without the brackets; `\]` in it
/// is a bracket.
pub(crate) struct Words<'a> {
    rest: Option<&'a str>,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a str) -> Self {
        Self { rest: Some(line) }
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let rest = self.rest.take()?.trim_start_matches(BLANK);
        let (word, after) = match rest.strip_prefix('[') {
            Some(inner) => bracketed(inner),
            None if rest.is_empty() => return None,
            None => {
                let at = rest.find(BLANK).unwrap_or(rest.len());
                let (word, after) = rest.split_at(at);
                let mut after = after.chars();
                after.next();
                (word.to_owned(), after.as_str())
            }
        };
        self.rest = (!after.is_empty()).then_some(after);
        Some(word)
    }
}

fn bracketed(inner: &str) -> (String, &str) {
    let mut word = String::new();
    let mut signs = inner.chars();
    while let Some(sign) = signs.next() {
        match sign {
            ']' => break,
            '\\' if signs.as_str().starts_with(']') => {
                word.push(']');
                signs.next();
            }
            _ => word.push(sign),
        }
    }
    (word, signs.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        Words::of(line).collect()
    }

    #[test]
    fn words_are_cut_as_libpam_cuts_them() {
        assert_eq!(words("auth [a b\\]c]d e\n"), ["auth", "a b]c", "d", "e"]);
        assert_eq!(words("a\r\n"), ["a\r"]);
        assert_eq!(words(" \n"), Vec::<String>::new());
        assert_eq!(words("[x"), ["x"]);
    }

    #[test]
    fn lines_are_joined_as_libpam_joins_them() {
        let texts = |text: &str, age| -> Vec<(usize, String)> {
            let read = assemble(text, age);
            read.lines
                .into_iter()
                .map(|line| (line.number, words(&line.text).join(" ")))
                .collect()
        };
        for age in [Age::Old, Age::New] {
            assert_eq!(
                texts("# c\n a \\ \n  b # x\n\nd\n", age),
                [(2, "a b".to_owned()), (5, "d".to_owned())]
            );
            assert_eq!(texts("a \\ # x\n", age), [(1, "a \\".to_owned())]);
            assert_eq!(assemble("a \\\n", age).unfinished, Some(1));
        }
        let broken = "a \\\n# c\nb\n";
        assert_eq!(texts(broken, Age::Old), [(1, "a b".to_owned())]);
        assert_eq!(
            texts(broken, Age::New),
            [(1, "a".to_owned()), (3, "b".to_owned())]
        );
    }
}
