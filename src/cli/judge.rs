//! What is dangerous in a stack that names the module.
//!
//! Nothing is guessed from the look of a line: the stack is played through for
//! somebody whom the module leaves alone, refuses, or cannot judge, and what
//! comes out is held against what should.

use super::local;
use super::report::Status;
use super::stack::{
    Action, Code, CodeSet, Detail, Entry, Kind, Person, Role, Scene, mentioned, play,
};

/// Something about a stack that an administrator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) status: Status,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

fn wrong(what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        status: Status::Wrong,
        what: what.into(),
        remedy: remedy.into(),
    }
}

fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        status: Status::Warning,
        ..wrong(what, remedy)
    }
}

/// Whom the module leaves alone, by the service's configuration.
#[derive(Debug, Clone)]
pub(crate) struct LeftAlone {
    pub(crate) root: bool,
    pub(crate) names: Vec<String>,
}

impl Default for LeftAlone {
    /// As the configuration's defaults have it.
    fn default() -> Self {
        Self {
            root: true,
            names: Vec::new(),
        }
    }
}

/// What the module answers when it is broken: its configuration is wrong, its
/// file is gone.
const BROKEN: [Code; 2] = [Code::SERVICE_ERR, Code::MODULE_UNKNOWN];
/// What it answers to somebody whom authentik refuses.
const REFUSED: [Code; 4] = [
    Code::AUTH_ERR,
    Code::PERM_DENIED,
    Code::MAXTRIES,
    Code::USER_UNKNOWN,
];

/// Modules that keep people out, each with what it is for.
const GATES: [(&str, &str); 5] = [
    ("pam_nologin.so", "logins while the host is being shut down"),
    ("pam_securetty.so", "root's logins from insecure terminals"),
    ("pam_shells.so", "logins of accounts without a valid shell"),
    ("pam_access.so", "logins that access.conf forbids"),
    ("pam_time.so", "logins outside their hours"),
];

/// Judges one kind of a service's stack. `account` is its account stack, which
/// has a say in every login, too.
pub(crate) fn judge(
    kind: Kind,
    entries: &[Entry],
    account: &[Entry],
    left_alone: &LeftAlone,
) -> Vec<Finding> {
    if !entries.iter().any(Entry::is_ours) {
        return Vec::new();
    }
    let stack = Stack { kind, entries };
    let mut findings = Vec::new();
    let open = stack.open_to_all();
    let is_open = open.is_some();
    findings.extend(open);
    findings.extend(stack.locked(left_alone));
    if kind == Kind::Auth {
        findings.extend(stack.fails_open().filter(|_| !is_open));
        findings.extend(stack.passed_gates(account));
    }
    findings
}

struct Stack<'a> {
    kind: Kind,
    entries: &'a [Entry],
}

impl Stack<'_> {
    fn lets_by(&self, person: &Person, ours: Code, local_password: bool) -> bool {
        Scene {
            kind: self.kind,
            person,
            local_password,
            ours,
        }
        .succeeds(self.entries)
    }

    fn place(&self) -> String {
        let ours = self.entries.iter().find(|entry| entry.is_ours());
        ours.map(Entry::place).unwrap_or_default()
    }

    /// Whether somebody gets in whom everything has refused.
    fn open_to_all(&self) -> Option<Finding> {
        let anybody = Person::anybody();
        let open = REFUSED
            .iter()
            .any(|code| self.lets_by(&anybody, *code, false));
        (self.kind == Kind::Auth && open).then(|| {
            wrong(
                format!(
                    "{}: everybody is let in, also with a wrong password",
                    self.place()
                ),
                "write [success=done default=die ignore=ignore] in front of pam_authentik_flow.so, and pam_deny.so at the end of the stack",
            )
        })
    }

    /// Whether nobody gets in with a local password: at all, or once the module is broken.
    fn locked(&self, left_alone: &LeftAlone) -> Option<Finding> {
        // Whoever has no password here gets in with none.
        let person = |name: &String| {
            let has_password = local::has_password(name) != Some(false);
            has_password.then(|| Person::named(name))
        };
        let guarded: Vec<Person> = mentioned(self.entries).iter().filter_map(person).collect();
        let mut spared: Vec<Person> = left_alone.names.iter().filter_map(person).collect();
        let root = person(&"root".to_owned());
        if left_alone.root {
            spared.extend(root.clone());
        }
        let guard = format!(
            "write this in front of it, with a local account that has a password: {} [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin",
            self.kind.name()
        );
        let in_broken =
            |person: &Person| BROKEN.iter().all(|code| self.lets_by(person, *code, true));
        let normally = spared
            .iter()
            .any(|person| self.lets_by(person, Code::IGNORE, true))
            || guarded.iter().any(in_broken);
        if !normally {
            return Some(wrong(
                format!(
                    "{}: no local way in is left: it locks out everybody who is not in authentik, root too",
                    self.place()
                ),
                format!(
                    "keep the lines of the local password (pam_unix.so) behind it; and {guard}"
                ),
            ));
        }
        let everybody = guarded.iter().chain(&spared);
        let broken = everybody.chain(&root).any(in_broken);
        (!broken).then(|| {
            wrong(
                format!(
                    "{}: it locks out everybody, root too, once the module's file or configuration is broken",
                    self.place()
                ),
                guard,
            )
        })
    }

    /// Whether a local password is enough where authentik was to be asked, too.
    fn fails_open(&self) -> Option<Finding> {
        let anybody = Person::anybody();
        let refused = REFUSED
            .iter()
            .any(|code| self.lets_by(&anybody, *code, true));
        let down = self.lets_by(&anybody, Code::AUTHINFO_UNAVAIL, true);
        let broken = BROKEN
            .iter()
            .any(|code| self.lets_by(&anybody, *code, true));
        let is_second = self.lets_by(&anybody, Code::SUCCESS, true)
            && !self.lets_by(&anybody, Code::SUCCESS, false);
        let place = self.place();
        const STRICT: &str = "write auth required pam_authentik_flow.so, and the guard line for local accounts in front of it";
        match (is_second, refused, down, broken) {
            (true, true, ..) => Some(wrong(
                format!(
                    "{place}: the second factor is no more than offered: whom authentik refuses gets in with the local password alone"
                ),
                STRICT,
            )),
            (true, false, true, _) | (true, false, _, true) => Some(wrong(
                format!(
                    "{place}: the second factor falls away when authentik cannot be reached: whoever can cut this host off needs only the local password"
                ),
                format!("{STRICT}; or live with it, knowing this"),
            )),
            (false, true, ..) => Some(warning(
                format!("{place}: whom authentik refuses may still get in with a local password"),
                "if that is not meant, write [success=done default=die ignore=ignore] in place of the control",
            )),
            (false, false, true, _) => Some(warning(
                format!("{place}: while authentik cannot be reached, the local password is enough"),
                "that is the fallback of pam_authentik_flow(8); nothing to do if you want it",
            )),
            _ => None,
        }
    }

    /// Gates that a login through authentik never comes to.
    fn passed_gates(&self, account: &[Entry]) -> Vec<Finding> {
        let anybody = Person::anybody();
        let mut findings = Vec::new();
        for (gate, purpose) in GATES {
            let stands = |entry: &&Entry| entry.name() == gate && entry.role == Role::Module;
            let Some(entry) = self.entries.iter().find(stands) else {
                continue;
            };
            if account.iter().any(|entry| entry.name() == gate) {
                continue;
            }
            let closed = play(self.entries, Detail::Verdict, |_, entry| {
                if entry.name() == gate {
                    return CodeSet::one(Code::AUTH_ERR);
                }
                let scene = Scene {
                    kind: self.kind,
                    person: &anybody,
                    local_password: true,
                    ours: Code::SUCCESS,
                };
                CodeSet::one(scene.answer(entry))
            })
            .codes()
            .may_succeed();
            // A gate whose refusal is ignored is none.
            let is_gate = matches!(
                entry.control.action(Code::AUTH_ERR),
                Action::Bad | Action::Die
            );
            if closed && is_gate {
                let status = if gate == "pam_nologin.so" {
                    Status::Wrong
                } else {
                    Status::Warning
                };
                findings.push(Finding {
                    status,
                    what: format!(
                        "{}: {gate} stands behind the module, which ends the stack before it: {purpose} are not kept out",
                        entry.place()
                    ),
                    remedy: format!("move the line of {gate} in front of pam_authentik_flow.so"),
                });
            }
        }
        findings
    }
}

/// Whether the stack lets a local account in when the module is broken: what
/// [`super::switch`] asks before it writes one.
pub(crate) fn has_local_way_in(
    kind: Kind,
    entries: &[Entry],
    left_alone: &LeftAlone,
) -> Result<(), String> {
    match (Stack { kind, entries }).locked(left_alone) {
        None => Ok(()),
        Some(finding) => Err(finding.what),
    }
}
