//! Random stacks.

use std::fmt::Write as _;
use std::path::Path;

use crate::engine::codes::Code;

/// SplitMix64: it generates the same stacks on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// The files of a stack, by name.
pub(crate) type Stack = Vec<(String, String)>;

const FILES: usize = 6;
const KINDS: [&str; 4] = ["auth", "account", "session", "password"];
/// Each function of pam_debug, by its argument.
const FUNCTIONS: [&str; 7] = [
    "auth",
    "cred",
    "acct",
    "open_session",
    "close_session",
    "prechauthtok",
    "chauthtok",
];

/// A stack of up to six files, with includes three deep or more.
pub(crate) fn stack(random: &mut Random, dir: &Path) -> Stack {
    // A stack of one kind gets long; stacks of all kinds are short.
    let kind = *random.of(&KINDS);
    let mut stack: Stack = (0..FILES)
        .map(|number| {
            let name = match number {
                0 => "service".to_owned(),
                _ => format!("file{number}"),
            };
            (name, file(random, dir, number, kind))
        })
        .collect();
    let other = match random.once_in(8) {
        true => file(random, dir, FILES, kind),
        false => KINDS
            .map(|kind| format!("{kind} required pam_deny.so.gone\n"))
            .concat(),
    };
    if !random.once_in(50) {
        stack.push(("other".into(), other));
    }
    stack
}

fn file(random: &mut Random, dir: &Path, number: usize, kind: &str) -> String {
    let mut text = String::new();
    let lines = 1 + random.below(5);
    for line in 0..lines {
        let kind = match random.once_in(8) {
            true => random.of(&KINDS),
            false => kind,
        };
        let deep = match number {
            // Most plays reach an early include.
            0..=2 if line < 2 => 2,
            _ => 4,
        };
        if number + 1 < FILES && random.once_in(deep) {
            include(random, dir, number, kind, &mut text);
        } else {
            module(random, kind, &mut text);
        }
        if random.once_in(10) {
            text.push_str("# a comment\n\n");
        }
    }
    match random.below(60) {
        // The last line may lack its end.
        0 => text.pop().map(drop).unwrap_or_default(),
        1 if number > 0 => text.push_str("auth required pam_debug.so \\\n"),
        _ => {}
    }
    text
}

fn include(random: &mut Random, dir: &Path, number: usize, kind: &str, text: &mut String) {
    let next = number + 1 + random.below((FILES - number - 1).min(2) as u64) as usize;
    // Debian's libpam looks for a relative name in /etc/pam.d, whatever the folder.
    let path = match random.once_in(60) {
        true => dir.join("gone"),
        false => dir.join(format!("file{next}")),
    };
    let path = path.display();
    let _ = match random.below(12) {
        0..=4 => writeln!(text, "{kind} substack {path}"),
        5..=8 => writeln!(text, "{kind} include {path}"),
        9 => writeln!(text, "-{kind} SubStack {path} ignored words"),
        // A missing name would break the whole file, or make libpam read memory that was never
        // set.
        _ => writeln!(text, "@include {}/file{next}", dir.display()),
    };
}

fn module(random: &mut Random, kind: &str, text: &mut String) {
    let module = match random.once_in(12) {
        true => "pam_that_is_not_there.so",
        false => "pam_debug.so",
    };
    let mut kind = kind.to_owned();
    match random.below(40) {
        0 => kind = "auht".into(),
        1 => kind.make_ascii_uppercase(),
        2 => kind.insert(0, '-'),
        _ => {}
    }
    let control = control(random);
    let gap = match random.below(8) {
        0 => " \\\n   ",
        1 => "\t",
        _ => " ",
    };
    if random.once_in(60) {
        let _ = writeln!(text, "{kind} {control}");
        return;
    }
    let _ = write!(text, "{kind}{gap}{control}{gap}{module}");
    for function in FUNCTIONS {
        let _ = write!(text, " {function}={}", result(random).name());
    }
    text.push('\n');
}

fn result(random: &mut Random) -> Code {
    if random.below(5) < 2 {
        return Code::SUCCESS;
    }
    if random.once_in(6) {
        return Code::IGNORE;
    }
    // An incomplete call continues in the next one; no login does that.
    let all: Vec<Code> = Code::all()
        .filter(|code| *code != Code::INCOMPLETE)
        .collect();
    *random.of(&all)
}

fn control(random: &mut Random) -> String {
    const WORDS: [&str; 6] = [
        "required",
        "requisite",
        "sufficient",
        "optional",
        "Required",
        "SUFFICIENT",
    ];
    match random.below(40) {
        0 => return "sometimes".into(),
        1..=14 => return (*random.of(&WORDS)).into(),
        _ => {}
    }
    let mut pairs = Vec::new();
    for _ in 0..random.below(4) {
        let code = match random.below(3) {
            0 => Code::SUCCESS,
            _ => result(random),
        };
        pairs.push(format!("{}={}", code.name(), action(random)));
    }
    if !random.once_in(6) {
        let at = random.below(pairs.len() as u64 + 1) as usize;
        pairs.insert(at, format!("default={}", action(random)));
    }
    match random.below(30) {
        0 => pairs.push("success".into()),
        1 => pairs.push("SUCCESS=ok".into()),
        2 => pairs.push("default = ok".into()),
        _ => {}
    }
    let between = match random.below(10) {
        0 => "  ",
        1 => "",
        _ => " ",
    };
    format!("[{}]", pairs.join(between))
}

fn action(random: &mut Random) -> String {
    match random.below(12) {
        0..=2 => "ok".into(),
        3 => "done".into(),
        4 => "bad".into(),
        5 => "die".into(),
        6 => "reset".into(),
        7 | 8 => "ignore".into(),
        9 | 10 => (1 + random.below(3)).to_string(),
        _ => (1 + random.below(12)).to_string(),
    }
}
