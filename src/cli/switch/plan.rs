//! Plans the place of the block and the jump after a success, so that nobody new gets
//! in and nobody is kept out.

use super::block::{Block, Way, insert, repeat};
use crate::cli::CommandError;
use crate::cli::stack::compare::{Change, Harm};
use crate::cli::stack::condition::{kinds, users};
use crate::cli::stack::results::asks_for_secret;
use crate::cli::stack::{Action, Code, Entry, Kind, Person, Role, Service, Stacks, readable};

/// A block, and the file with it.
pub(super) struct Plan {
    pub(super) block: String,
    pub(super) after: String,
    /// The lines that a success of the module skips.
    pub(super) skipped: Vec<String>,
    /// The lines that the block repeats because they would be skipped.
    pub(super) repeated: Vec<String>,
}

impl Plan {
    /// Checks that libpam gives the module the configuration that is meant.
    ///
    /// # Errors
    /// It reads the module's line in another way.
    pub(super) fn names_config(&self, wish: &Wish<'_>) -> Result<(), CommandError> {
        let planned = wish.stacks.with(wish.service, &self.after);
        let planned = planned.load(wish.service);
        let argument = |path: &std::path::PathBuf| format!("config={}", path.display());
        let wanted: Vec<String> = wish.config.iter().map(argument).collect();
        let ours = planned.own(Kind::Auth).iter().find(|entry| entry.is_ours());
        match ours.is_some_and(|entry| entry.arguments == wanted) {
            true => Ok(()),
            false => Err(format!(
                "libpam would not read the module's line as intended ({})",
                wanted.join(" ")
            )),
        }
    }
}

/// The input of a plan.
pub(super) struct Wish<'a> {
    pub(super) stacks: &'a Stacks,
    pub(super) service: &'a str,
    /// The file without a block of `enable`.
    pub(super) text: &'a str,
    pub(super) names: &'a [String],
    pub(super) config: Option<std::path::PathBuf>,
    /// The module ignores everybody below this uid.
    pub(super) min_uid: u32,
}

/// The place of the block.
struct Spot<'a> {
    before: &'a Service,
    /// The first entry of the line before which it goes.
    start: usize,
    /// The first entry that asks for a secret.
    first: usize,
    /// That line of the service's own file.
    own_line: usize,
}

/// The limit of lines that are added to the block.
const MOST_REPEATED: usize = 8;

impl Wish<'_> {
    /// Finds a block that makes nothing laxer and keeps nobody out.
    ///
    /// # Errors
    /// A stack that asks for no secret, a stack that libpam cannot read, or the line by
    /// which every block would make something worse.
    pub(super) fn plan(&self) -> Result<Plan, CommandError> {
        let before = self.stacks.with(self.service, self.text).load(self.service);
        readable(&before).map_err(|problem| format!("{problem}; correct that line first"))?;
        let auth = before.own(Kind::Auth);
        let (at, first) = auth
            .iter()
            .enumerate()
            .find(|(_, entry)| asks_for_secret(entry))
            .ok_or("its stack asks for no local password, so no local way in would remain; write the lines by hand, as in the package's example stacks")?;
        let mut own_line = first.own_line;
        while let Some(jump) = jump_over(auth, own_line) {
            // These lines choose which secret is asked for, and keep nobody out. The
            // block can go before them if no jump is changed by that.
            if !["pam_usertype.so", "pam_localuser.so"].contains(&jump.name()) {
                return Err(format!(
                    "line {} of {} jumps over the place of the module's lines, and would land among them; write the lines by hand, and update that jump",
                    jump.line,
                    jump.file.display()
                ));
            }
            own_line = jump.own_line;
        }
        self.at(&before, at, own_line)
    }

    /// The block before this line of the service's own file.
    fn at(&self, before: &Service, first: usize, own_line: usize) -> Result<Plan, CommandError> {
        let auth = before.own(Kind::Auth);
        let start = auth
            .iter()
            .position(|entry| entry.own_line == own_line)
            .unwrap_or(first);
        let spot = Spot {
            before,
            start,
            first,
            own_line,
        };
        let behind = auth.iter().skip(start).filter(|entry| entry.level == 0);
        let mut harm = None;
        for over in 1..=behind.count() {
            for way in [Way::Jump(over), Way::CountAndJump(over)] {
                match self.try_way(&spot, way) {
                    Ok(plan) => return Ok(plan),
                    Err(found) => harm = worse(harm, found),
                }
            }
        }
        Err(match harm {
            Some(harm) => self.words(auth, harm),
            None => "its stack has no place for the module".into(),
        })
    }

    fn try_way(&self, spot: &Spot<'_>, way: Way) -> Result<Plan, Harm> {
        let Spot {
            before,
            start,
            first,
            own_line,
        } = *spot;
        let auth = before.own(Kind::Auth);
        let mut repeated: Vec<usize> = Vec::new();
        loop {
            let lines = |at: &usize| auth.get(*at).map(repeat);
            let block = Block {
                service: self.service,
                names: self.names,
                config: self.config.clone(),
                repeated: repeated.iter().filter_map(lines).collect(),
                way,
            };
            let text = block.text();
            let after = insert(self.text, &text, own_line);
            let planned = self.stacks.with(self.service, &after).load(self.service);
            let change = Change {
                service: self.service,
                before: auth,
                after: planned.own(Kind::Auth),
                block: start..start.saturating_add(block.entries()),
                repeated: &repeated,
                repeated_at: start.saturating_add(Block::GUARDS),
                debian: self.stacks.debian(),
                min_uid: self.min_uid,
            };
            let local: Vec<Person> = self.names.iter().map(|name| Person::named(name)).collect();
            let mut others = users(auth);
            others.retain(|name| !self.names.contains(name));
            let mut others: Vec<Person> = others.iter().map(|name| Person::named(name)).collect();
            others.extend(kinds(auth, self.min_uid));
            let harm = match change.judge(&local, &others) {
                Ok(()) => {
                    let place = |at: &usize| auth.get(*at).map(shown);
                    return Ok(Plan {
                        block: text,
                        after,
                        skipped: skipped(auth, start, way.skipped()),
                        repeated: repeated.iter().filter_map(place).collect(),
                    });
                }
                Err(harm) => harm,
            };
            // What stands in front of the first secret in the same include can be asked
            // in the block itself.
            match harm {
                Harm::Laxer {
                    entry: Some(at), ..
                } if (start..first).contains(&at)
                    && !repeated.contains(&at)
                    && repeated.len() < MOST_REPEATED
                    && auth.get(at).is_some_and(is_repeatable) =>
                {
                    repeated.push(at);
                    repeated.sort_unstable();
                }
                harm => return Err(harm),
            }
        }
    }

    fn words(&self, auth: &[Entry], harm: Harm) -> CommandError {
        let place = |at: Option<usize>| at.and_then(|at| auth.get(at)).map(shown);
        match harm {
            Harm::Laxer { who, entry } => match place(entry) {
                Some(line) => format!(
                    "{line} keeps people out, and a success of authentik would skip it: {who} would get in past it; move that line in front of the line that asks for the password, or write the lines by hand"
                ),
                None => format!(
                    "{who} would get in, and did not before; write the lines by hand, as in the package's example stacks"
                ),
            },
            Harm::KeptOut { who, .. } => format!(
                "{who} would no longer get in; write the lines by hand, as in the package's example stacks"
            ),
            Harm::NoWayIn { who } => format!(
                "no local way in would remain: by this stack none of {who} gets in with a local password now; name another account with --local"
            ),
            Harm::NoSecret => "no line of its stack lets somebody in for a password alone, so there is none that authentik could replace; write the lines by hand, as in the package's example stacks".into(),
        }
    }
}

/// Chooses the better of two reasons: one that names a line, then one that says who is
/// kept out.
fn worse(known: Option<Harm>, new: Harm) -> Option<Harm> {
    let rank = |harm: &Harm| match harm {
        Harm::NoWayIn { .. } => 4,
        Harm::Laxer { entry: Some(_), .. } => 3,
        Harm::Laxer { entry: None, .. } => 2,
        Harm::KeptOut { .. } => 1,
        Harm::NoSecret => 0,
    };
    match known {
        Some(known) if rank(&known) >= rank(&new) => Some(known),
        _ => Some(new),
    }
}

/// Whether a line can be repeated before the module: it passes or refuses, and does not
/// jump.
fn is_repeatable(entry: &Entry) -> bool {
    let goes_on = matches!(
        entry.control.action(Code::SUCCESS),
        Action::Ok | Action::Ignore
    );
    let plain = entry
        .control
        .actions()
        .all(|action| !matches!(action, Action::Jump(_) | Action::Done | Action::Reset));
    entry.role == Role::Module && goes_on && plain
}

fn shown(entry: &Entry) -> String {
    format!("{} ({})", entry.place(), entry.name())
}

/// The end of `over` lines from `start`, with the contents of substacks.
fn skipped(auth: &[Entry], start: usize, over: usize) -> Vec<String> {
    let mut left = over;
    let mut lines = Vec::new();
    for entry in auth.iter().skip(start) {
        if entry.level == 0 {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(1);
        }
        if entry.role == Role::Module {
            lines.push(shown(entry));
        }
    }
    lines
}

/// A module before line `own_line` with a jump over that line: with more lines there it
/// would reach another module.
fn jump_over(auth: &[Entry], own_line: usize) -> Option<&Entry> {
    // Lines in a substack do not count, and a jump cannot leave it.
    let ahead: Vec<&Entry> = auth
        .iter()
        .filter(|entry| entry.level == 0 && entry.own_line < own_line)
        .collect();
    let far = |(index, entry): (usize, &&Entry)| {
        let between = ahead.len().saturating_sub(index.saturating_add(1));
        let longest = entry.control.actions().map(|action| match action {
            Action::Jump(over) if entry.role == Role::Module => over,
            _ => 0,
        });
        (longest.max() > Some(between)).then(|| ahead.get(index).copied())?
    };
    ahead.iter().enumerate().find_map(far)
}
