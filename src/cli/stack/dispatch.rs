//! What a stack makes of its modules' results, as libpam does (pam.conf(5)).

use super::Entry;

/// A result code by its name in a control, such as `auth_err`.
pub(crate) type Code = &'static str;

/// What a result leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// Over so many modules.
    Jump(usize),
}

/// A control: an action for each result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    named: Vec<(String, Action)>,
    otherwise: Action,
}

impl Control {
    /// Reads `required` and the like, or `[success=1 default=ignore]`, in lower case.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let long = match text {
            "required" => "[success=ok new_authtok_reqd=ok ignore=ignore default=bad]",
            "requisite" => "[success=ok new_authtok_reqd=ok ignore=ignore default=die]",
            "sufficient" => "[success=done new_authtok_reqd=done default=ignore]",
            "optional" => "[success=ok new_authtok_reqd=ok default=ignore]",
            long => long,
        };
        let inner = long
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .ok_or_else(|| format!("{text:?} is no control"))?;
        let mut control = Self {
            named: Vec::new(),
            otherwise: Action::Bad,
        };
        for pair in inner.split_whitespace() {
            let (code, action) = pair
                .split_once('=')
                .ok_or_else(|| format!("{pair:?} in a control has no ="))?;
            let action = match action {
                "ignore" => Action::Ignore,
                "ok" => Action::Ok,
                "done" => Action::Done,
                "bad" => Action::Bad,
                "die" => Action::Die,
                "reset" => Action::Reset,
                jump => Action::Jump(
                    jump.parse()
                        .map_err(|_| format!("{jump:?} is no action of a control"))?,
                ),
            };
            match code {
                "default" => control.otherwise = action,
                code => control.named.push((code.to_owned(), action)),
            }
        }
        Ok(control)
    }

    /// Over how many modules a result may jump; 0 where none does.
    pub(crate) fn longest_jump(&self) -> usize {
        let actions = self.named.iter().map(|(_, action)| action);
        let jumps = actions.chain([&self.otherwise]).map(|action| match action {
            Action::Jump(over) => *over,
            _ => 0,
        });
        jumps.max().unwrap_or_default()
    }

    /// What `code` leads to.
    pub(crate) fn action(&self, code: &str) -> Action {
        let named = self.named.iter().find(|(name, _)| name == code);
        named.map_or(self.otherwise, |(_, action)| *action)
    }
}

/// What is known of the outcome so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Impression {
    None,
    Positive,
    Negative,
}

/// Whether a stack ends in success, where its modules answer as `result` says.
pub(crate) fn succeeds(entries: &[Entry], result: impl Fn(&Entry) -> Code) -> bool {
    let mut impression = Impression::None;
    let mut status = "must_fail";
    let mut at = 0_usize;
    while let Some(entry) = entries.get(at) {
        let mut next = at.saturating_add(1);
        if let Some(control) = &entry.control {
            let code = result(entry);
            let action = control.action(code);
            match action {
                Action::Ignore => {}
                Action::Ok | Action::Done => {
                    let open = impression == Impression::None
                        || (impression == Impression::Positive && status == "success");
                    if open && code != "ignore" {
                        if impression == Impression::None && code == "success" {
                            impression = Impression::Positive;
                        }
                        status = code;
                    }
                    if impression == Impression::Positive && action == Action::Done {
                        next = behind(entries, at, entry.level);
                    }
                }
                Action::Bad | Action::Die => {
                    if impression != Impression::Negative {
                        impression = Impression::Negative;
                        status = if code == "ignore" { "must_fail" } else { code };
                    }
                    if action == Action::Die {
                        next = behind(entries, at, entry.level);
                    }
                }
                Action::Reset => {
                    impression = Impression::None;
                    status = "must_fail";
                }
                Action::Jump(count) => match over(entries, at, entry.level, count) {
                    Some(target) => next = target,
                    None => {
                        impression = Impression::Negative;
                        status = "must_fail";
                    }
                },
            }
        }
        at = next;
    }
    impression == Impression::Positive && status == "success"
}

/// The first entry behind the stack or substack that `at` stands in.
fn behind(entries: &[Entry], at: usize, level: usize) -> usize {
    let rest = entries.iter().enumerate().skip(at.saturating_add(1));
    rest.into_iter()
        .find(|(_, entry)| entry.level < level)
        .map_or(entries.len(), |(index, _)| index)
}

/// The entry behind the `count` next ones of this level; a substack is one.
fn over(entries: &[Entry], at: usize, level: usize, count: usize) -> Option<usize> {
    let mut left = count;
    for (index, entry) in entries.iter().enumerate().skip(at.saturating_add(1)) {
        if entry.level > level {
            continue;
        }
        if entry.level < level || left == 0 {
            return (left == 0).then_some(index);
        }
        left = left.saturating_sub(1);
    }
    (left == 0).then_some(entries.len())
}
