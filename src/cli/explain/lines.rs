//! The lines of the stacks, played through for one person.

use std::path::Path;

use super::{Question, Treatment};
use crate::cli::judge::{Answer, Stack};
use crate::cli::report::Report;
use crate::cli::stack::compare::refusals;
use crate::cli::stack::results::{Gates, Secret, Situation, is_gate, is_unknown};
use crate::cli::stack::{Action, Code, CodeSet, Detail, Entry, Kind, Person, Role, play};
use crate::cli::suggest::nearest;

/// What the module returns if authentik refuses.
const REFUSED: [Code; 3] = [Code::AUTH_ERR, Code::PERM_DENIED, Code::MAXTRIES];

/// Reports which line decides the login. Returns whether a line names the module.
pub(super) fn look(report: &mut Report, question: &Question<'_>, treatment: &Treatment) -> bool {
    let Question {
        name,
        service,
        stacks,
        ..
    } = question;
    let services = stacks.services();
    if !services.is_empty() && !services.iter().any(|known| known == service) {
        let near = nearest(service, services.iter().map(String::as_str));
        report.wrong(
            "stack.no-such-service",
            format!("there is no service {service}"),
            match near {
                Some(near) => format!("authentik-flow explain {name} --service {near}"),
                None => "a service has the name of its file in /etc/pam.d".into(),
            },
        );
        return false;
    }
    let read = |kind| stacks.entries(service, kind);
    let (auth, account) = match (read(Kind::Auth), read(Kind::Account)) {
        (Ok(auth), Ok(account)) => (auth, account),
        (Err(problem), _) | (_, Err(problem)) => {
            report.wrong(
                "stack.unreadable",
                format!("libpam cannot read the stack: {problem}"),
                "correct that; the services are the files in /etc/pam.d",
            );
            return false;
        }
    };
    let person = Person::named(name);
    let play = Play {
        person: &person,
        service,
        auth: &auth,
    };
    let named = auth.iter().any(Entry::is_ours);
    match named {
        true => play.with_module(report, treatment),
        false => play.without_module(report),
    }
    nologin(report, &person, auth.iter().chain(&account));
    accounts(report, question, &person, &account);
    open(report, auth.iter().chain(&account));
    named || account.iter().any(Entry::is_ours)
}

struct Play<'a> {
    person: &'a Person,
    service: &'a str,
    auth: &'a [Entry],
}

impl Play<'_> {
    fn answer(&self, ours: CodeSet, secret: Secret<'_>) -> Answer {
        let stack = Stack {
            kind: Kind::Auth,
            service: self.service,
            entries: self.auth,
        };
        stack.gets_in(self.person, ours, secret)
    }

    /// The line that made the call succeed: the last one that libpam called.
    fn decides(
        &self,
        ours: CodeSet,
        secret: Secret<'_>,
        wanted: impl Fn(&Entry) -> bool,
    ) -> String {
        let situation = Situation {
            kind: Kind::Auth,
            service: self.service,
            person: self.person,
            secret,
            ours,
            gates: Gates::Open,
        };
        let outcomes = play(self.auth, Detail::Verdict, |_, entry| {
            situation.results(entry)
        });
        let way = outcomes.way_to(Code::SUCCESS);
        let mut asked = way
            .iter()
            .filter_map(|(at, code)| Some((self.auth.get(*at)?, *code)));
        let found = asked.find(|(entry, code)| {
            let moves = matches!(entry.control.action(*code), Action::Jump(_) | Action::Done);
            moves && wanted(entry)
        });
        let last = way.last().and_then(|(at, _)| self.auth.get(*at));
        let entry = found.map(|(entry, _)| entry).or(last);
        entry
            .map(|entry| format!("{} {}", entry.place(), entry.name()))
            .unwrap_or_default()
    }

    fn without_module(&self, report: &mut Report) {
        let found = "no line for logins names the module: authentik is not asked";
        match self.answer(CodeSet::ANY, Secret::Local) {
            Answer::No => report.wrong(
                "stack.refuses",
                format!("{found}, and the local password lets nobody in"),
                format!("authentik-flow check --service {}", self.service),
            ),
            _ => report.ok(
                "stack.local",
                format!("{found}; the local password decides"),
            ),
        }
    }

    fn with_module(&self, report: &mut Report, treatment: &Treatment) {
        // Without a result of the module, a path that reaches it does not end.
        let can_pass = self.answer(CodeSet::NONE, Secret::Local) != Answer::No;
        let must_pass = self.answer(refusals(), Secret::Local);
        match must_pass.and(match can_pass {
            true => Answer::Yes,
            false => Answer::No,
        }) {
            Answer::Yes => {
                let line = self.decides(CodeSet::NONE, Secret::Local, |entry| !entry.is_ours());
                report.ok(
                    "stack.passes-module",
                    format!("{line} makes them skip the module: the local password decides, whatever state authentik is in"),
                );
                return;
            }
            Answer::Maybe(line) => {
                report.unknown(
                    "stack.cannot-be-told",
                    format!("unknown whether they reach the module: it depends on {line}"),
                    None,
                );
            }
            Answer::No => {}
        }
        match treatment {
            Treatment::Ignores => self.ignored(report),
            Treatment::Refuses => report.ok("stack.meets-module", self.meets()),
            Treatment::Asks(_) => self.asked(report),
        }
    }

    fn meets(&self) -> String {
        let ours = self.auth.iter().find(|entry| entry.is_ours());
        let place = ours.map(Entry::place).unwrap_or_default();
        format!("they reach the module in {place}")
    }

    fn ignored(&self, report: &mut Report) {
        let ignored = CodeSet::one(Code::IGNORE);
        match self.answer(ignored, Secret::Local) {
            Answer::No => report.wrong(
                "stack.refuses",
                "the module ignores them, and no other line lets them in by the local password",
                format!("authentik-flow check --service {}", self.service),
            ),
            _ => {
                let line = self.decides(ignored, Secret::Local, |entry| !entry.is_ours());
                report.ok(
                    "stack.local",
                    format!("the local password decides, in {line}"),
                );
            }
        }
    }

    fn asked(&self, report: &mut Report) {
        let meets = self.meets();
        match self.answer(CodeSet::one(Code::SUCCESS), Secret::Wrong) {
            Answer::Yes => report.ok(
                "stack.authentik",
                format!("{meets}: if authentik accepts them, they get in"),
            ),
            Answer::Maybe(line) => report.unknown(
                "stack.cannot-be-told",
                format!(
                    "{meets}; whether they get in after authentik accepts them depends on {line}"
                ),
                None,
            ),
            Answer::No => match self.answer(CodeSet::one(Code::SUCCESS), Secret::Local) {
                Answer::No => report.wrong(
                    "stack.refuses",
                    format!("{meets}: this stack keeps out people who are accepted by authentik"),
                    format!("authentik-flow check --service {}", self.service),
                ),
                _ => report.ok(
                    "stack.both",
                    format!("{meets}: they need a login by authentik and the local password"),
                ),
            },
        }
        let refused = REFUSED
            .iter()
            .map(|code| self.answer(CodeSet::one(*code), Secret::Local))
            .any(|answer| answer == Answer::Yes);
        let down = self.answer(CodeSet::one(Code::AUTHINFO_UNAVAIL), Secret::Local);
        let found = match (refused, down) {
            (true, _) => "if authentik refuses them, the local password still lets them in",
            (false, Answer::Yes) => {
                "while authentik is down, the local password lets them in; if authentik refuses them, they do not get in"
            }
            _ => "if authentik refuses them or is down, the local password does not let them in",
        };
        report.ok("stack.without", found);
    }
}

/// A host that is being shut down lets only root in.
fn nologin<'e>(report: &mut Report, person: &Person, lines: impl Iterator<Item = &'e Entry>) {
    let mut lines = lines;
    let Some(entry) = lines.find(|entry| entry.name() == "pam_nologin.so") else {
        return;
    };
    let file = ["/run/nologin", "/var/run/nologin", "/etc/nologin"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    if let (Some(file), false) = (file, person.shown() == "root") {
        report.wrong(
            "stack.nologin",
            format!("{file} exists, so {} lets only root in", entry.place()),
            format!("wait until the host is up, or: rm {file}"),
        );
    }
}

/// What the account lines decide after a successful authentication.
fn accounts(report: &mut Report, question: &Question<'_>, person: &Person, account: &[Entry]) {
    let stack = Stack {
        kind: Kind::Account,
        service: question.service,
        entries: account,
    };
    if stack.gets_in(person, CodeSet::one(Code::SUCCESS), Secret::Local) == Answer::No {
        report.wrong(
            "stack.account-refuses",
            "the account lines refuse everybody, even after a proved login",
            format!("authentik-flow check --service {}", question.service),
        );
    }
}

/// Lines that may refuse, and whose answer only a login gives.
fn open<'e>(report: &mut Report, lines: impl Iterator<Item = &'e Entry>) {
    const JUDGED: [&str; 3] = ["pam_nologin.so", "pam_faillock.so", "pam_tally2.so"];
    let mut names: Vec<String> = lines
        .filter(|entry| entry.role == Role::Module)
        .filter(|entry| is_gate(entry) || is_unknown(entry))
        .filter(|entry| !JUDGED.contains(&entry.name()))
        .map(|entry| format!("{} {}", entry.place(), entry.name()))
        .collect();
    names.dedup();
    if !names.is_empty() {
        report.unknown(
            "stack.gates",
            format!(
                "only a login shows the result of these lines: {}",
                names.join(", ")
            ),
            None,
        );
    }
}
