//! The real libpam, and the engine's answers to the same calls.

use std::path::Path;

use pam_harness::Call;
use pam_harness::transaction::{Converse, Message, Reply, Transaction};

use crate::engine::Kind;
use crate::engine::codes::{Code, CodeSet};
use crate::engine::load::{Entry, Files, Service};
use crate::engine::play::{Detail, Outcomes, play};
use crate::engine::together::Together;

/// A silent conversation: pam_debug only returns codes.
struct Deaf;

impl Converse for Deaf {
    fn converse(&mut self, messages: &[Message]) -> Result<Vec<Reply>, pam_harness::Code> {
        Ok(messages.iter().map(|_| Reply::Nothing).collect())
    }
}

/// The results of an application's calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answers {
    pub(crate) authenticate: Code,
    /// After authentication on the same handle.
    pub(crate) setcred: Code,
    pub(crate) acct_mgmt: Code,
    pub(crate) open_session: Code,
    pub(crate) close_session: Code,
    pub(crate) chauthtok: Code,
    /// On its own handle, as in sshd.
    pub(crate) setcred_alone: Code,
}

/// Asks libpam for the stack `service` in `dir`.
pub(crate) fn ask(dir: &Path, service: &str) -> Option<Answers> {
    answers(|| Transaction::start(service, Some("root"), dir, Deaf))
}

/// Asks libpam for the stack `service` in libpam's own folders.
pub(crate) fn ask_by_default(service: &str) -> Option<Answers> {
    answers(|| Transaction::start_by_default(service, Some("root"), Deaf))
}

fn answers(start: impl Fn() -> Result<Transaction<Deaf>, pam_harness::Code>) -> Option<Answers> {
    let start = || match start() {
        Ok(transaction) => Some(transaction),
        // The files could not be read.
        Err(pam_harness::Code::PAM_ABORT) => None,
        Err(code) => panic!("pam_start_confdir: {code}"),
    };
    let mut handle = start()?;
    let mut fresh = start()?;
    let call = |handle: &mut Transaction<Deaf>, call| {
        let code = handle.call(call, 0);
        Code::from_number(code.0).unwrap_or_else(|| panic!("libpam returns {code}"))
    };
    Some(Answers {
        authenticate: call(&mut handle, Call::Authenticate),
        setcred: call(&mut handle, Call::Setcred),
        acct_mgmt: call(&mut handle, Call::AcctMgmt),
        open_session: call(&mut handle, Call::OpenSession),
        close_session: call(&mut handle, Call::CloseSession),
        chauthtok: call(&mut handle, Call::Chauthtok),
        setcred_alone: call(&mut fresh, Call::Setcred),
    })
}

/// What pam_debug returns in a function, by its argument. For a missing module, what libpam
/// returns instead.
fn result(entry: &Entry, argument: &str) -> CodeSet {
    if !entry.module.ends_with("pam_debug.so") {
        return CodeSet::one(Code::MODULE_UNKNOWN);
    }
    let prefix = format!("{argument}=");
    let value = entry.arguments.iter().find_map(|a| a.strip_prefix(&prefix));
    CodeSet::one(code_named(value.expect("every line has every result")))
}

pub(crate) fn code_named(name: &str) -> Code {
    Code::all()
        .find(|code| code.name() == name)
        .expect("a name")
}

pub(crate) fn files(dir: &Path) -> Files {
    Files {
        dir: dir.into(),
        vendors: Vec::new(),
        single: None,
        debian: true,
        planned: Vec::new(),
    }
}

/// The single code of a play without unknown results.
fn only(outcomes: &Outcomes) -> Code {
    let codes: Vec<Code> = outcomes.codes().iter().collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
    codes[0]
}

fn one(entries: &[Entry], argument: &str) -> Outcomes {
    play(entries, Detail::Codes, |_, entry| result(entry, argument))
}

/// A call that follows the chain of another.
fn followed(entries: &[Entry], first: &str, then: &str) -> Code {
    let together = Together {
        first: entries,
        second: entries,
        follows: true,
        debian: true,
        detail: Detail::Codes,
    };
    let code = |at: Option<usize>, argument| {
        at.and_then(|at| result(&entries[at], argument).iter().next())
    };
    let pairs = together.play(
        |at| [Some(at), None],
        |a, b| {
            let unused = Code::IGNORE;
            vec![(
                code(a, first).unwrap_or(unused),
                code(b, then).unwrap_or(unused),
            )]
        },
    );
    let pairs: Vec<(Code, Code)> = pairs.iter().collect();
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    pairs[0].1
}

/// The engine's results for the same calls; `None` if no handle can be had.
pub(crate) fn expect(service: &Service) -> Option<Answers> {
    if service.broken.is_some() {
        return None;
    }
    let auth = service.stack(Kind::Auth);
    let session = service.stack(Kind::Session);
    let password = service.stack(Kind::Password);
    let prelim = only(&one(password, "prechauthtok"));
    let chauthtok = match prelim {
        Code::SUCCESS => only(&one(password, "chauthtok")),
        refused => refused,
    };
    Some(Answers {
        authenticate: only(&one(auth, "auth")),
        setcred: followed(auth, "auth", "cred"),
        acct_mgmt: only(&one(service.stack(Kind::Account), "acct")),
        open_session: only(&one(session, "open_session")),
        close_session: followed(session, "open_session", "close_session"),
        chauthtok,
        setcred_alone: only(&one(auth, "cred")),
    })
}

/// The entries of a stack, with the result of each that was called.
pub(crate) type Way<'a> = (&'a [Entry], Vec<(usize, Code)>);

/// The paths of the plays, for counting.
pub(crate) fn ways(service: &Service) -> Vec<Way<'_>> {
    let calls = [
        (Kind::Auth, "auth"),
        (Kind::Auth, "cred"),
        (Kind::Account, "acct"),
        (Kind::Session, "open_session"),
        (Kind::Password, "prechauthtok"),
    ];
    let way = |(kind, argument)| {
        let entries = service.stack(kind);
        let outcomes = one(entries, argument);
        (entries, outcomes.way_to(only(&outcomes)))
    };
    calls.into_iter().map(way).collect()
}
