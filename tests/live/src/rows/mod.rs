//! The logins as a table: the user, the flow and the configuration, the typed answers, and the
//! expected result.

mod access;
mod accounts;
mod addresses;
mod endings;
mod factors;
mod hosts;
mod passwords;
mod stages;

use pam_harness::Call;

/// authentik's version: year, month, patch.
pub(crate) type Version = (u32, u32, u32);

/// The person's action at a prompt.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Types their password, hidden.
    Password,
    /// Types this, hidden.
    Secret(String),
    /// Types their app password.
    AppPassword,
    /// Types this, shown.
    Visible(&'static str),
    /// Types a code of their app that was never used.
    Code,
    /// Types the code that was used last.
    UsedCode,
    /// Types the code in two groups.
    CodeInGroups,
    /// Types the recovery code with this number.
    Recovery(usize),
    /// Types password and code in one answer.
    PasswordAndCode,
    /// Types the number of the option that contains this text.
    Choose(&'static str),
    /// Sets up an app: types the code for the secret on the screen.
    SetUpApp,
    /// Gives up.
    Abort,
}

/// The name that the application gives to libpam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Name {
    /// The person's own name.
    Own,
    /// The same with a capital first letter.
    Capital,
    /// A name that authentik does not know, but the host does.
    OfTheHostAlone,
    /// A name that neither knows.
    OfNobody,
}

/// One login, or what happens after one.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) area: &'static str,
    pub(crate) what: &'static str,
    pub(crate) flow: &'static str,
    pub(crate) person: &'static str,
    pub(crate) name: Name,
    pub(crate) service: &'static str,
    pub(crate) rhost: &'static str,
    /// Lines at the top of the configuration.
    pub(crate) top: Vec<&'static str>,
    pub(crate) access: &'static str,
    /// Sections after `[access]`.
    pub(crate) sections: Vec<&'static str>,
    pub(crate) arguments: &'static str,
    /// The `PAM_AUTHTOK` that the stack finds.
    pub(crate) preset: Option<&'static str>,
    /// Files with the token of each.
    pub(crate) tokens: Vec<(&'static str, &'static str)>,
    /// The actions, each with a part of its prompt.
    pub(crate) acts: Vec<(Act, &'static str)>,
    pub(crate) calls: Vec<Call>,
    pub(crate) code: &'static str,
    /// A part of the log.
    pub(crate) why: &'static str,
    /// The versions of authentik that it is for.
    pub(crate) is_for: fn(Version) -> bool,
    /// Whether it keeps its session on purpose.
    pub(crate) keeps_session: bool,
    /// Whether it starts a few seconds later, so that authentik has forgotten an earlier wrong
    /// code.
    pub(crate) waits: bool,
}

fn row(area: &'static str, what: &'static str, flow: &'static str, person: &'static str) -> Row {
    Row {
        area,
        what,
        flow,
        person,
        name: Name::Own,
        service: "sshd",
        rhost: "192.0.2.7",
        top: Vec::new(),
        access: "allow_any_user = true",
        sections: Vec::new(),
        arguments: "config={config}",
        preset: None,
        tokens: Vec::new(),
        acts: Vec::new(),
        calls: vec![Call::Authenticate],
        code: "PAM_SUCCESS",
        why: "",
        is_for: |_| true,
        keeps_session: false,
        waits: false,
    }
}

impl Row {
    fn act(mut self, act: Act) -> Row {
        self.acts.push((act, ""));
        self
    }

    /// The prompt of the last action contains this.
    fn at(mut self, part: &'static str) -> Row {
        if let Some(last) = self.acts.last_mut() {
            last.1 = part;
        }
        self
    }

    fn password(self) -> Row {
        self.act(Act::Password)
    }

    fn secret(self, text: &str) -> Row {
        self.act(Act::Secret(text.to_owned()))
    }

    fn visible(self, text: &'static str) -> Row {
        self.act(Act::Visible(text))
    }

    fn gives(mut self, code: &'static str, why: &'static str) -> Row {
        (self.code, self.why) = (code, why);
        self
    }

    fn access(mut self, line: &'static str) -> Row {
        self.access = line;
        self
    }

    fn section(mut self, text: &'static str) -> Row {
        self.sections.push(text);
        self
    }

    fn top(mut self, line: &'static str) -> Row {
        self.top.push(line);
        self
    }

    fn service(mut self, name: &'static str) -> Row {
        self.service = name;
        self
    }

    fn rhost(mut self, host: &'static str) -> Row {
        self.rhost = host;
        self
    }

    fn named(mut self, name: Name) -> Row {
        self.name = name;
        self
    }

    /// The token of an outpost, or its replacement.
    fn outpost(mut self, token: &'static str) -> Row {
        self.tokens.push(("outpost.token", token));
        self.section("[outpost]\ntoken_file = \"{dir}/outpost.token\"")
    }

    /// The token of this host, or its replacement.
    fn host(mut self, token: &'static str) -> Row {
        self.tokens.push(("host.token", token));
        self.section("[host]\ntoken_file = \"{dir}/host.token\"\nidentifier = \"<host:host>\"")
    }

    /// The token with which hosts look users up.
    fn lookup(mut self, token: &'static str) -> Row {
        self.tokens.push(("account.token", token));
        self.section("[account]\ntoken_file = \"{dir}/account.token\"")
    }

    fn calls(mut self, calls: &[Call]) -> Row {
        self.calls = calls.to_vec();
        self
    }

    fn only(mut self, is_for: fn(Version) -> bool) -> Row {
        self.is_for = is_for;
        self
    }

    /// Whether a login is made or tried. Decisions of the host alone count too.
    pub(crate) fn title(&self) -> String {
        format!("{}: {}", self.area, self.what)
    }
}

/// All rows, in the order in which they run: a few need what an earlier one has set up.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = passwords::rows();
    rows.extend(stages::rows());
    rows.extend(factors::rows());
    rows.extend(endings::rows());
    rows.extend(addresses::rows());
    rows.extend(access::rows());
    rows.extend(accounts::rows());
    rows.extend(hosts::rows());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_logins_at_both_ends_of_the_versions() {
        for version in [(2025, 10, 0), (2026, 8, 0)] {
            let count = all().iter().filter(|row| (row.is_for)(version)).count();
            assert!(count >= 120, "{version:?}: {count}");
        }
    }

    #[test]
    fn no_two_rows_have_the_same_title() {
        let mut titles: Vec<String> = all().iter().map(Row::title).collect();
        titles.sort();
        let count = titles.len();
        titles.dedup();
        assert_eq!(titles.len(), count);
    }
}
