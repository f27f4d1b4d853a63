//! Answers that are known only when the prompt appears: a code that was just sent, or one for
//! the secret on the screen.
//!
//! `pam-run` writes the output so far into a file beside the script, and waits for another file
//! with the answer.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often each side looks.
const POLL: Duration = Duration::from_millis(5);
/// How long a prompt waits for its answer.
const LONGEST: Duration = Duration::from_secs(30);

type Answerer = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Returns the answer for the output so far, or `None` if there is none yet.
#[derive(Clone)]
pub(crate) struct Later(Arc<Answerer>);

impl Later {
    pub(crate) fn new(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Later {
        Later(Arc::new(answer))
    }

    /// Answers the prompt that uses the files at `path`, unless `over` becomes true before.
    pub(crate) fn serve(&self, path: &Path, over: &AtomicBool) {
        let mut answered = false;
        while !over.load(Ordering::Relaxed) {
            if !answered {
                let shown = fs::read_to_string(asked(path)).ok();
                if let Some(answer) = shown.and_then(|shown| (self.0)(&shown)) {
                    // The other side then waits in vain, and reports it.
                    answered = publish(&answer_to(path), &answer).is_ok();
                }
            }
            std::thread::sleep(POLL);
        }
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

/// Asks for the answer to what was `shown`, through the files at `path`.
pub(crate) fn ask(path: &Path, shown: &str) -> Result<String, String> {
    publish(&asked(path), shown).map_err(|e| format!("{}: {e}", path.display()))?;
    let deadline = Instant::now() + LONGEST;
    while Instant::now() < deadline {
        if let Ok(answer) = fs::read_to_string(answer_to(path)) {
            return Ok(answer);
        }
        std::thread::sleep(POLL);
    }
    Err(format!("nobody had an answer within {LONGEST:?}"))
}

fn asked(path: &Path) -> PathBuf {
    path.with_extension("asked")
}

fn answer_to(path: &Path) -> PathBuf {
    path.with_extension("answer")
}

/// Written whole or not at all, because the other side reads as soon as the file exists.
fn publish(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}
