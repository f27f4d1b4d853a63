//! The control of a line: the action for each result (pam.conf(5)).

use super::codes::Code;

/// The action for a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// A jump over this many modules.
    Jump(usize),
}

/// A control: an action for each result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    actions: [Action; 32],
}

/// The largest jump that libpam reads: it keeps it in an int.
const MAX_JUMP: usize = 2_147_483_647;

impl Control {
    /// A control that treats every result as a failure.
    pub(crate) fn all_bad() -> Self {
        Self {
            actions: [Action::Bad; 32],
        }
    }

    /// Parses a control: a word such as `required`, in any case, or pairs such as
    /// `success=1 default=ignore`, without brackets. The second value is the error in
    /// the pairs: libpam then treats every result as a failure.
    pub(crate) fn parse(text: &str) -> (Self, Option<String>) {
        let word = text.to_ascii_lowercase();
        let pairs = match word.as_str() {
            "required" => "success=ok new_authtok_reqd=ok ignore=ignore default=bad",
            "requisite" => "success=ok new_authtok_reqd=ok ignore=ignore default=die",
            "sufficient" => "success=done new_authtok_reqd=done default=ignore",
            "optional" => "success=ok new_authtok_reqd=ok default=ignore",
            _ => text,
        };
        match Self::pairs(pairs) {
            Ok(control) => (control, None),
            Err(problem) => (Self::all_bad(), Some(problem)),
        }
    }

    fn pairs(text: &str) -> Result<Self, String> {
        let mut actions = [None; 32];
        let mut rest = skip_space(text);
        while !rest.is_empty() {
            let wrong = || {
                format!("{rest:?} is neither a word such as required nor a pair such as success=ok")
            };
            let (code, after) = match Code::at_start_of(rest) {
                Some((code, after)) => (Some(code), after),
                None => (None, rest.strip_prefix("default").ok_or_else(wrong)?),
            };
            let after = skip_space(after).strip_prefix('=').ok_or_else(wrong)?;
            let (action, after) = action(skip_space(after)).ok_or_else(wrong)?;
            match code {
                // The last one counts.
                Some(code) => {
                    if let Some(slot) = actions.get_mut(code.index()) {
                        *slot = Some(action);
                    }
                }
                // The first `default` counts, and only for codes without an action.
                None => actions.iter_mut().for_each(|slot| {
                    slot.get_or_insert(action);
                }),
            }
            rest = skip_space(after);
        }
        Ok(Self {
            actions: actions.map(|slot| slot.unwrap_or(Action::Bad)),
        })
    }

    /// The action for `code`.
    pub(crate) fn action(&self, code: Code) -> Action {
        let action = self.actions.get(code.index());
        action.copied().unwrap_or(Action::Bad)
    }

    /// Every action of it.
    pub(crate) fn actions(&self) -> impl Iterator<Item = Action> {
        self.actions.iter().copied()
    }
}

/// C's `isspace`.
fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

fn action(text: &str) -> Option<(Action, &str)> {
    const WORDS: [(&str, Action); 6] = [
        ("ignore", Action::Ignore),
        ("ok", Action::Ok),
        ("done", Action::Done),
        ("bad", Action::Bad),
        ("die", Action::Die),
        ("reset", Action::Reset),
    ];
    let word = WORDS
        .iter()
        .find_map(|(word, action)| Some((*action, text.strip_prefix(word)?)));
    if word.is_some() {
        return word;
    }
    let after = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.strip_suffix(after)?;
    let jump = digits.parse().ok()?;
    (1..=MAX_JUMP)
        .contains(&jump)
        .then_some((Action::Jump(jump), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_read_as_libpam_reads_them() {
        let read = |text: &str| Control::parse(text).0;
        let success = |text: &str| read(text).action(Code::SUCCESS);
        let failure = |text: &str| read(text).action(Code::AUTH_ERR);
        assert_eq!(success("REQUIRED"), Action::Ok);
        assert_eq!(success("success=ok success=die"), Action::Die);
        assert_eq!(failure("default=ignore default=bad"), Action::Ignore);
        assert_eq!(success("default=die success = 2"), Action::Jump(2));
        assert_eq!(success("success=okdefault=ignore"), Action::Ok);
        assert_eq!(failure("success=ok"), Action::Bad);
        for broken in [
            "requird",
            "SUCCESS=ok",
            "success=0",
            "success",
            "success=99999999999",
            "success=ok default=yes",
        ] {
            let (control, problem) = Control::parse(broken);
            assert!(problem.is_some(), "{broken}");
            assert_eq!(control, Control::all_bad(), "{broken}");
        }
    }
}
