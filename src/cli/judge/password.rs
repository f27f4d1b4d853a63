//! Lines that change passwords.

use super::answer::{Answer, Stack};
use super::{Finding, cannot_be_told, warning, wrong};
use crate::cli::stack::results::{Gates, Secret, Situation, is_unknown};
use crate::cli::stack::{Code, CodeSet, Entry, Kind, Person};

/// Modules that check a new password, and accept a good one.
const LOOK_AT_IT: [&str; 7] = [
    "pam_cracklib.so",
    "pam_gnome_keyring.so",
    "pam_kwallet5.so",
    "pam_passwdqc.so",
    "pam_pwhistory.so",
    "pam_pwquality.so",
    "pam_ecryptfs.so",
];

/// The module's results if authentik refuses or cannot be asked.
const REFUSED: [&str; 5] = [
    "auth_err",
    "perm_denied",
    "authtok_err",
    "authtok_recover_err",
    "try_again",
];

/// Judges the `password` stack of a service whose stack names the module.
pub(crate) fn judge(service: &str, entries: &[Entry]) -> Vec<Finding> {
    let stack = Stack {
        kind: Kind::Password,
        service,
        entries,
    };
    let place = stack.place();
    let mut findings = Vec::new();
    let somebody = Person::somebody(true);
    let refused = Code::all()
        .filter(|code| REFUSED.contains(&code.name()))
        .map(|code| changes(&stack, &somebody, code));
    match refused.fold(Answer::No, Answer::or) {
        Answer::No => {}
        Answer::Yes => findings.push(warning(
            "stack.password-refusal-ignored",
            format!(
                "{place}: if authentik refuses the new password, the local one is still changed, and passwd reports success"
            ),
            "write [success=done ignore=ignore default=die] in front of pam_authentik_flow.so",
        )),
        Answer::Maybe(line) => findings.push(cannot_be_told(
            &line,
            "whether the local password is changed if authentik refuses",
        )),
    }
    let spared = [Person::named("root"), Person::somebody(true)];
    let alone = spared
        .iter()
        .map(|person| changes(&stack, person, Code::IGNORE));
    if alone.fold(Answer::No, Answer::or) == Answer::No {
        findings.push(wrong(
            "stack.password-locks-out",
            format!("{place}: root and local accounts can no longer change their passwords"),
            "keep the line of pam_unix.so after it, and write [success=done ignore=ignore default=die] in front of pam_authentik_flow.so",
        ));
    }
    findings
}

/// Whether a change of the password succeeds if the module returns `ours`.
fn changes(stack: &Stack<'_>, person: &Person, ours: Code) -> Answer {
    let situation = Situation {
        kind: stack.kind,
        service: stack.service,
        person,
        secret: Secret::Local,
        ours: CodeSet::one(ours),
        gates: Gates::Open,
    };
    stack.by(&|entry| match LOOK_AT_IT.contains(&entry.name()) {
        true => CodeSet::one(Code::SUCCESS),
        false if is_unknown(entry) => CodeSet::ANY,
        false => situation.results(entry),
    })
}
