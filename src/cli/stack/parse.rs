//! The lines of a file below `/etc/pam.d` (pam.conf(5)).

use super::Kind;
use super::dispatch::Control;

/// One line, continuation lines included.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number, from one; of its first line where it is continued.
    pub(super) number: usize,
    pub(super) directive: Directive,
}

/// What a line says.
#[derive(Debug)]
pub(super) enum Directive {
    /// `@include FILE`: all of its lines.
    IncludeAll(String),
    /// `auth include FILE`: its lines of that kind.
    Include { kind: Kind, name: String },
    /// `auth substack FILE`: the same, judged by itself.
    Substack { kind: Kind, name: String },
    /// A module.
    Module {
        kind: Kind,
        control: Control,
        module: String,
        arguments: Vec<String>,
    },
}

/// Reads a file. An error is the number of a line and what is wrong with it.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Result<Line, (usize, String)>> {
    joined(text)
        .into_iter()
        .filter_map(|(number, line)| match directive(&line) {
            Ok(directive) => directive.map(|directive| Ok(Line { number, directive })),
            Err(problem) => Some(Err((number, problem))),
        })
}

/// The lines without comments, those joined that end in a backslash.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (part, continued) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(part);
            }
            None => lines.push((number, part.to_owned())),
        }
        goes_on = continued;
    }
    lines
}

fn directive(line: &str) -> Result<Option<Directive>, String> {
    let mut words = words(line).into_iter();
    let Some(first) = words.next() else {
        return Ok(None);
    };
    if first == "@include" {
        let name = words.next().ok_or("@include names no file")?;
        return Ok(Some(Directive::IncludeAll(name)));
    }
    // A dash: no complaint in the log where the module is missing.
    let kind = match first.trim_start_matches('-').to_ascii_lowercase().as_str() {
        "auth" => Kind::Auth,
        "account" => Kind::Account,
        "session" => Kind::Session,
        "password" => Kind::Password,
        _ => {
            return Err(format!(
                "{first:?} is none of auth, account, password, session"
            ));
        }
    };
    let control = words
        .next()
        .ok_or("a control, such as required, is missing")?;
    let target = words.next().ok_or("the module is missing")?;
    Ok(Some(match control.to_ascii_lowercase().as_str() {
        "include" => Directive::Include { kind, name: target },
        "substack" => Directive::Substack { kind, name: target },
        control => Directive::Module {
            kind,
            control: Control::parse(control)?,
            module: target,
            arguments: words.collect(),
        },
    }))
}

/// Words at blanks; what stands in brackets is one, the brackets of an argument
/// go, those of a control stay.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('[') {
            Some(inner) => {
                let mut end = None;
                let mut escaped = false;
                for (at, sign) in inner.char_indices() {
                    if sign == ']' && !escaped {
                        end = Some(at);
                        break;
                    }
                    escaped = sign == '\\';
                }
                let at = end.unwrap_or(inner.len());
                let (word, after) = inner.split_at(at);
                let word = word.replace("\\]", "]");
                let word = if words.len() == 1 {
                    format!("[{word}]")
                } else {
                    word
                };
                (word, after.strip_prefix(']').unwrap_or(after))
            }
            None => {
                let at = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (word, after) = rest.split_at(at);
                (word.to_owned(), after)
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_libpam_reads_them() {
        let text = "# all comment\nauth [success=1 \\\n default=ignore] pam_x.so a [b c] # d\n\n@include common\n-session optional pam_y.so\nauth substack z\n";
        let read: Vec<Line> = lines(text).map(Result::unwrap).collect();
        let Directive::Module {
            kind,
            module,
            arguments,
            ..
        } = &read[0].directive
        else {
            panic!("{read:?}");
        };
        assert_eq!(
            (read[0].number, *kind, module.as_str()),
            (2, Kind::Auth, "pam_x.so")
        );
        assert_eq!(arguments, &["a", "b c"]);
        assert!(matches!(&read[1].directive, Directive::IncludeAll(name) if name == "common"));
        assert!(matches!(
            &read[2].directive,
            Directive::Module {
                kind: Kind::Session,
                ..
            }
        ));
        assert!(matches!(&read[3].directive, Directive::Substack { .. }));
    }

    #[test]
    fn what_libpam_refuses_is_refused() {
        for text in [
            "auht required pam_x.so",
            "auth required",
            "auth",
            "auth sometimes pam_x.so",
        ] {
            assert!(lines(text).any(|line| line.is_err()), "{text}");
        }
    }
}
