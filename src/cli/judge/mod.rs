//! What is dangerous in a stack that names the module.
//!
//! The engine plays the stack for somebody that the module ignores, refuses or cannot
//! judge, and compares the result with what it should be. An unknown module may return
//! anything; if the answer depends on it, the answer is "cannot be told".

mod answer;
mod passed;
pub(crate) mod password;

use super::local;
use super::report::Status;
use super::stack::compare::refusals;
use super::stack::condition::mentioned;
use super::stack::results::Secret;
use super::stack::{Code, CodeSet, Entry, Kind, Person};
pub(crate) use answer::{Answer, Stack};

/// A finding about a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its id in a report.
    pub(crate) id: &'static str,
    pub(crate) status: Status,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

pub(super) fn wrong(
    id: &'static str,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        id,
        status: Status::Wrong,
        what: what.into(),
        remedy: remedy.into(),
    }
}

pub(super) fn warning(
    id: &'static str,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        status: Status::Warning,
        ..wrong(id, what, remedy)
    }
}

/// A finding that depends on a line with an unknown module.
fn cannot_be_told(line: &str, what: &str) -> Finding {
    Finding {
        status: Status::Unknown,
        ..wrong(
            "stack.cannot-be-told",
            format!("{line}: the result of this line is unknown here, and {what} depends on it"),
            "try such a login by hand, and keep a root shell open; or move the line in front of the lines of pam_authentik_flow.so and their guards, where nothing jumps over it",
        )
    }
}

/// The accounts that the module ignores, by the service's configuration.
#[derive(Debug, Clone)]
pub(crate) struct LeftAlone {
    pub(crate) root: bool,
    pub(crate) names: Vec<String>,
}

impl Default for LeftAlone {
    /// The configuration's defaults.
    fn default() -> Self {
        Self {
            root: true,
            names: Vec::new(),
        }
    }
}

/// The module's results when it is broken: its configuration is wrong, or its file is
/// missing.
const BROKEN: [Code; 2] = [Code::SERVICE_ERR, Code::MODULE_UNKNOWN];
/// The module's results for somebody that authentik refuses.
const REFUSED: [Code; 4] = [
    Code::AUTH_ERR,
    Code::PERM_DENIED,
    Code::MAXTRIES,
    Code::USER_UNKNOWN,
];

/// Judges one kind of a service's stack. `account` is the service's account stack,
/// which also takes part in every login.
pub(crate) fn judge(
    kind: Kind,
    service: &str,
    entries: &[Entry],
    account: &[Entry],
    left_alone: &LeftAlone,
) -> Vec<Finding> {
    if !entries.iter().any(Entry::is_ours) {
        return Vec::new();
    }
    let stack = Stack {
        kind,
        service,
        entries,
    };
    let mut findings = Vec::new();
    match kind {
        Kind::Auth => {
            let open = open_to_all(&stack);
            let is_open = open.is_some();
            findings.extend(open);
            findings.extend(locked(&stack, left_alone));
            findings.extend(fails_open(&stack).filter(|_| !is_open));
            findings.extend(nobody(&stack));
            findings.extend(passed::by_success(&stack, account));
        }
        _ => {
            findings.extend(denial_counts_for_nothing(&stack));
            findings.extend(locked(&stack, left_alone));
        }
    }
    findings
}

/// The names of those who log in without authentik, because guards lead them past the
/// module.
pub(crate) fn guarded(service: &str, entries: &[Entry]) -> Vec<String> {
    let stack = Stack {
        kind: Kind::Auth,
        service,
        entries,
    };
    let mut names = mentioned(entries);
    names.retain(|name| {
        let person = Person::named(name);
        local::has_password(name) != Some(false)
            && stack.gets_in(&person, refusals(), Secret::Local) != Answer::No
    });
    names
}

/// Whether somebody gets in although every module has refused.
fn open_to_all(stack: &Stack<'_>) -> Option<Finding> {
    let place = stack.place();
    match worst(stack, &REFUSED, Secret::Wrong) {
        Answer::Yes => Some(wrong(
            "stack.open-to-all",
            format!("{place}: everybody gets in, even with a wrong password"),
            "write [success=done default=die ignore=ignore] in front of pam_authentik_flow.so, and pam_deny.so at the end of the stack",
        )),
        Answer::Maybe(line) => Some(cannot_be_told(
            &line,
            "whether a person gets in without a password after authentik refuses them",
        )),
        Answer::No => None,
    }
}

/// The worst outcome of these results for somebody that the stack does not mention.
fn worst(stack: &Stack<'_>, codes: &[Code], secret: Secret<'_>) -> Answer {
    let mut answer = Answer::No;
    for is_local in [true, false] {
        let person = Person::somebody(is_local);
        for code in codes {
            match stack.gets_in(&person, CodeSet::one(*code), secret) {
                Answer::Yes => return Answer::Yes,
                Answer::Maybe(line) => answer = Answer::Maybe(line),
                Answer::No => {}
            }
        }
    }
    answer
}

/// Whether nobody gets in with a local password: never, or not while the module is
/// broken.
fn locked(stack: &Stack<'_>, left_alone: &LeftAlone) -> Option<Finding> {
    // An account without a password does not count.
    let person = |name: &String| {
        let has_password = local::has_password(name) != Some(false);
        has_password.then(|| Person::named(name))
    };
    let guarded: Vec<Person> = mentioned(stack.entries).iter().filter_map(person).collect();
    let mut spared: Vec<Person> = left_alone.names.iter().filter_map(person).collect();
    let root = person(&"root".to_owned());
    if left_alone.root {
        spared.extend(root.clone());
    }
    // The packages' profiles let this group skip the module, if it exists.
    let has_group = stack
        .entries
        .iter()
        .any(|entry| entry.arguments.iter().any(|word| word == "authentik-local"));
    let guard = match has_group {
        true => "put a local account that has a password into the group: groupadd --system authentik-local; usermod -aG authentik-local localadmin".into(),
        false => format!(
            "write this in front of it, with a local account that has a password: {} [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin",
            stack.kind.name()
        ),
    };
    let in_broken = |person: &Person| {
        let broken = BROKEN.map(|code| stack.gets_in(person, CodeSet::one(code), Secret::Local));
        let [a, b] = broken;
        a.and(b)
    };
    let normally = spared
        .iter()
        .map(|person| stack.gets_in(person, CodeSet::one(Code::IGNORE), Secret::Local))
        .chain(guarded.iter().map(in_broken))
        .fold(Answer::No, Answer::or);
    match normally {
        Answer::No => {
            return Some(wrong(
                "stack.no-way-in",
                format!(
                    "{}: no local way in is left: it locks out everybody who is not in authentik, even root",
                    stack.place()
                ),
                format!("keep the lines of the local password (pam_unix.so) after it; and {guard}"),
            ));
        }
        Answer::Maybe(line) => {
            return Some(cannot_be_told(
                &line,
                "whether a local account gets in without authentik",
            ));
        }
        Answer::Yes => {}
    }
    let everybody = guarded.iter().chain(&spared).chain(&root);
    match everybody.map(in_broken).fold(Answer::No, Answer::or) {
        Answer::No => Some(wrong(
            "stack.no-way-in-when-broken",
            format!(
                "{}: it locks out everybody, even root, once the module's file or configuration is broken",
                stack.place()
            ),
            guard,
        )),
        Answer::Maybe(line) => Some(cannot_be_told(
            &line,
            "whether a local account gets in once the module's file or configuration is broken",
        )),
        Answer::Yes => None,
    }
}

/// Whether a local password is enough although authentik should also be asked.
fn fails_open(stack: &Stack<'_>) -> Option<Finding> {
    let place = stack.place();
    let refused = worst(stack, &REFUSED, Secret::Local);
    let down = worst(stack, &[Code::AUTHINFO_UNAVAIL], Secret::Local);
    let broken = worst(stack, &BROKEN, Secret::Local);
    let accepted = |secret| worst(stack, &[Code::SUCCESS], secret) == Answer::Yes;
    let is_second = accepted(Secret::Local) && !accepted(Secret::Wrong);
    for answer in [&refused, &down, &broken] {
        if let Answer::Maybe(line) = answer {
            return Some(cannot_be_told(
                line,
                "whether a person who is refused by authentik gets in with a local password",
            ));
        }
    }
    let yes = |answer: Answer| answer == Answer::Yes;
    const STRICT: &str = "write auth required pam_authentik_flow.so, and the guard line for local accounts in front of it";
    match (is_second, yes(refused), yes(down), yes(broken)) {
        (true, true, ..) => Some(wrong(
            "stack.second-factor-optional",
            format!(
                "{place}: the second factor can be skipped: a person who is refused by authentik gets in with the local password alone"
            ),
            STRICT,
        )),
        (true, false, true, _) | (true, false, _, true) => Some(wrong(
            "stack.second-factor-falls-away",
            format!(
                "{place}: the second factor is skipped when authentik cannot be reached: anyone who can cut this host off needs only the local password"
            ),
            format!("{STRICT}; or accept this risk"),
        )),
        (false, true, ..) => Some(warning(
            "stack.refused-enter-locally",
            format!(
                "{place}: a person who is refused by authentik may still get in with a local password"
            ),
            "to change that, replace the control with [success=done default=die ignore=ignore]",
        )),
        (false, false, true, _) => Some(warning(
            "stack.fallback-while-down",
            format!("{place}: while authentik cannot be reached, the local password is enough"),
            "that is the fallback of pam_authentik_flow(8); nothing to do if you want it",
        )),
        _ => None,
    }
}

/// Whether the stack refuses even somebody that authentik accepts and who knows the
/// local password.
fn nobody(stack: &Stack<'_>) -> Option<Finding> {
    let accepted = worst(stack, &[Code::SUCCESS], Secret::Local);
    (accepted == Answer::No).then(|| {
        wrong(
            "stack.accepted-are-refused",
            format!(
                "{}: this stack keeps out people who are accepted by authentik",
                stack.place()
            ),
            "write [success=done default=die ignore=ignore] in front of pam_authentik_flow.so, and look at the lines in front of it",
        )
    })
}

/// Whether an account passes that authentik denies.
fn denial_counts_for_nothing(stack: &Stack<'_>) -> Option<Finding> {
    let denials = [
        Code::PERM_DENIED,
        Code::AUTH_ERR,
        Code::USER_UNKNOWN,
        Code::ACCT_EXPIRED,
    ];
    match worst(stack, &denials, Secret::Local) {
        Answer::Yes => Some(wrong(
            "stack.denial-ignored",
            format!(
                "{}: this stack ignores authentik's denial: an account that authentik denies gets in",
                stack.place()
            ),
            "write account required pam_authentik_flow.so, and in front of it no line that ends the stack or jumps over it for those who are in authentik",
        )),
        Answer::Maybe(line) => Some(cannot_be_told(
            &line,
            "whether an account that authentik denies gets in",
        )),
        Answer::No => None,
    }
}
