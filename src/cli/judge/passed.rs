//! Requirements that a login through authentik never reaches.

use super::answer::{Answer, Stack, shown};
use super::{Finding, warning, wrong};
use crate::cli::stack::results::{
    Gates, Secret, Situation, asks_for_secret, is_condition, is_gate, is_unknown,
};
use crate::cli::stack::{Action, Code, CodeSet, Entry, Person, Role};

/// The purpose of some of them, for people.
const PURPOSES: [(&str, &str); 7] = [
    ("pam_nologin.so", "logins while the host is being shut down"),
    ("pam_securetty.so", "root's logins from insecure terminals"),
    ("pam_shells.so", "logins of accounts without a valid shell"),
    ("pam_access.so", "logins that access.conf forbids"),
    ("pam_time.so", "logins outside their hours"),
    ("pam_listfile.so", "accounts that its list forbids"),
    ("pam_wheel.so", "accounts outside its group"),
];

/// Requirements of a login with a local password that a login through authentik skips.
/// The account stack's own requirements hold for every login, so they do not count.
pub(super) fn by_success(stack: &Stack<'_>, account: &[Entry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in stack.entries {
        let counts = entry.role == Role::Module
            && (is_gate(entry) || is_condition(entry) || is_unknown(entry))
            && matches!(
                entry.control.action(Code::AUTH_ERR),
                Action::Bad | Action::Die
            )
            // They count wrong local passwords, and a login through authentik types
            // none.
            && !entry.arguments.iter().any(|word| word == "authfail" || word == "authsucc");
        if !counts || account.iter().any(|other| other.name() == entry.name()) {
            continue;
        }
        let through_authentik = with_refusal(stack, entry, Code::SUCCESS, Secret::Wrong);
        let locally = with_refusal(stack, entry, Code::IGNORE, Secret::Local);
        if through_authentik == Answer::No || locally != Answer::No {
            continue;
        }
        let purpose = PURPOSES.iter().find(|(name, _)| *name == entry.name());
        let purpose = purpose.map_or("accounts that it refuses", |(_, purpose)| *purpose);
        let what = format!(
            "{}: {} comes after the module, which ends the stack before it: {purpose} are not kept out",
            entry.place(),
            entry.name()
        );
        let remedy = format!(
            "move the line of {} in front of pam_authentik_flow.so",
            entry.name()
        );
        let counts_tries = ["pam_faillock.so", "pam_tally2.so"].contains(&entry.name());
        findings.push(match is_unknown(entry) || counts_tries {
            true => warning(
                "stack.line-skipped",
                format!(
                    "{}: a login through authentik skips this line; a login with a local password does not",
                    shown(entry)
                ),
                format!("{remedy}, if it must apply to everybody"),
            ),
            false => wrong("stack.requirement-skipped", what, remedy),
        });
    }
    findings
}

/// Whether somebody gets in although this one line refuses.
fn with_refusal(stack: &Stack<'_>, refuses: &Entry, ours: Code, secret: Secret<'_>) -> Answer {
    let person = Person::somebody(true);
    let situation = Situation {
        kind: stack.kind,
        service: stack.service,
        person: &person,
        secret,
        ours: CodeSet::one(ours),
        gates: Gates::Open,
    };
    stack.by(&|entry| {
        // It returns the same at every place.
        if entry.module == refuses.module && entry.arguments == refuses.arguments {
            return CodeSet::one(Code::AUTH_ERR);
        }
        match is_unknown(entry) && !asks_for_secret(entry) {
            true => CodeSet::one(Code::SUCCESS),
            false => situation.results(entry),
        }
    })
}
