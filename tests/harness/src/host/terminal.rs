//! A program in a pseudo-terminal, and the person in front of it.

use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::ttyname;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a person waits. It is much longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs in a pseudo-terminal of its own.
///
/// It shows what a person sees: [`expect`](Terminal::expect) waits for words,
/// [`send_line`](Terminal::send_line) types. When it is dropped, the terminal closes, as when a
/// window is closed.
#[must_use = "the terminal is closed when this is dropped"]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Screen>,
    /// Up to where the output was read.
    seen: usize,
    /// Where in the output a secret was typed. The output does not show it.
    secrets: Vec<usize>,
}

/// What came out of the terminal so far.
#[derive(Default)]
struct Screen {
    output: Mutex<Output>,
    changed: Condvar,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    ended: bool,
}

/// How a program in a terminal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status, as a shell tells it.
    pub status: i32,
    /// Everything that was on the screen, with `[hidden]` where a secret was typed.
    pub transcript: String,
}

impl Terminal {
    /// Starts the program that `make` returns for the terminal's path.
    pub(super) fn start(make: impl FnOnce(PathBuf) -> Command) -> io::Result<Terminal> {
        let OpenptyResult { master, slave } = openpty(None, None)?;
        let path = ttyname(&slave)?;
        let copy = || slave.try_clone().map(Stdio::from);
        let child = make(path)
            .stdin(copy()?)
            .stdout(copy()?)
            .stderr(copy()?)
            .spawn()?;
        drop(slave);
        let screen = Arc::<Screen>::default();
        let keyboard = File::from(master);
        watch(keyboard.try_clone()?, Arc::clone(&screen));
        Ok(Terminal {
            child,
            keyboard,
            screen,
            seen: 0,
            secrets: Vec::new(),
        })
    }

    /// Waits until these words appear after everything that was waited for before.
    ///
    /// # Panics
    ///
    /// When they do not appear. The message contains the output.
    #[track_caller]
    pub fn expect(&mut self, words: &str) -> &mut Terminal {
        let seen = self.seen;
        let found = self.wait(|text| {
            let new = text.get(seen..)?;
            Some(seen + find(new, words.as_bytes())? + words.len())
        });
        match found {
            Some(end) => self.seen = end,
            None => panic!(
                "the terminal did not show {words:?}:\n{}",
                self.transcript()
            ),
        }
        self
    }

    /// Types a line that the screen may show.
    ///
    /// # Panics
    ///
    /// When the terminal is closed.
    #[track_caller]
    pub fn send_line(&mut self, text: &str) -> &mut Terminal {
        self.send(format!("{text}\n").as_bytes())
    }

    /// Types a line after the terminal has stopped showing what is typed.
    ///
    /// # Panics
    ///
    /// When it continues to show it, or when it is closed.
    #[track_caller]
    pub fn send_secret(&mut self, text: &str) -> &mut Terminal {
        let deadline = Instant::now() + PATIENCE;
        // Another program may change the setting, so it cannot be waited for.
        while self.shows_what_is_typed() {
            assert!(
                Instant::now() < deadline,
                "the terminal shows what is typed:\n{}",
                self.transcript()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let so_far = self.screen.lock().bytes.len();
        self.secrets.push(so_far);
        self.send(format!("{text}\n").as_bytes())
    }

    /// Waits for these words, then types a secret: see
    /// [`expect`](Terminal::expect) and [`send_secret`](Terminal::send_secret).
    ///
    /// # Panics
    ///
    /// As these two do.
    #[track_caller]
    pub fn answer(&mut self, words: &str, secret: &str) -> &mut Terminal {
        self.expect(words).send_secret(secret)
    }

    /// Types these bytes: `\x03` is Ctrl-C, `\x04` Ctrl-D.
    ///
    /// # Panics
    ///
    /// When the terminal is gone.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) -> &mut Terminal {
        if let Err(e) = self.keyboard.write_all(bytes) {
            panic!(
                "the program does not read its input: {e}\n{}",
                self.transcript()
            );
        }
        self
    }

    /// Whether the terminal shows what is typed now.
    pub fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.keyboard).is_ok_and(|now| now.local_flags.contains(LocalFlags::ECHO))
    }

    /// Whether the program has closed its end of the terminal.
    pub fn has_ended(&self) -> bool {
        self.screen.lock().ended
    }

    /// Everything on the screen so far.
    pub fn transcript(&self) -> String {
        render(&self.screen.lock().bytes, &self.secrets)
    }

    /// Waits for the first of these words, and returns its index; `None` if the program ended
    /// without them.
    ///
    /// # Panics
    ///
    /// When none appears. The message contains the output.
    #[track_caller]
    pub fn expect_or_end(&mut self, words: &[&str]) -> Option<usize> {
        let seen = self.seen;
        let found = self.wait(|text| {
            let new = text.get(seen..)?;
            let ends = words.iter().enumerate().filter_map(|(index, words)| {
                let at = find(new, words.as_bytes())?;
                Some((at, index, seen + at + words.len()))
            });
            ends.min()
        });
        match found {
            Some((_, index, end)) => {
                self.seen = end;
                Some(index)
            }
            None if self.screen.lock().ended => None,
            None => panic!(
                "the terminal showed none of {words:?}:\n{}",
                self.transcript()
            ),
        }
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    ///
    /// When it does not end.
    #[track_caller]
    pub fn finish(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(None) => panic!("the program does not end:\n{}", self.transcript()),
                Err(e) => panic!("the program cannot be waited for: {e}"),
            }
        };
        let ended = self.wait_for_end();
        assert!(
            ended,
            "another process keeps the terminal open:\n{}",
            self.transcript()
        );
        Ended {
            status: status.code().unwrap_or(-1),
            transcript: self.transcript(),
        }
    }

    fn wait_for_end(&self) -> bool {
        let output = self.screen.lock();
        let waited = self
            .screen
            .changed
            .wait_timeout_while(output, PATIENCE, |output| !output.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// What `look` finds in the output, now or when there is more of it.
    fn wait<T>(&self, look: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut output = self.screen.lock();
        loop {
            if let Some(found) = look(&output.bytes) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if output.ended || left.is_zero() {
                return None;
            }
            let waited = self.screen.changed.wait_timeout(output, left);
            output = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A program that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Screen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(mut terminal: File, screen: Arc<Screen>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            // EIO: the last program has closed the terminal.
            let length = match terminal.read(&mut buffer) {
                Ok(length) => length,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let mut output = screen.lock();
            output.bytes.extend_from_slice(&buffer[..length]);
            output.ended = length == 0;
            screen.changed.notify_all();
            if output.ended {
                return;
            }
        }
    });
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len().max(1))
        .position(|window| window == part)
}

/// The output as lines, with a marker wherever a secret was typed.
fn render(bytes: &[u8], secrets: &[usize]) -> String {
    let mut text = String::new();
    let mut from = 0;
    for &at in secrets {
        text.push_str(&String::from_utf8_lossy(&bytes[from..at]));
        text.push_str("[hidden]");
        from = at;
    }
    text.push_str(&String::from_utf8_lossy(&bytes[from..]));
    text.replace("\r\n", "\n").replace('\r', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_says_where_a_secret_was_typed() {
        let output = b"Password: \r\nCode: \r\nwelcome\r\n";
        assert_eq!(
            render(output, &[10, 18]),
            "Password: [hidden]\nCode: [hidden]\nwelcome\n"
        );
    }

    #[test]
    fn a_program_is_driven_by_its_words() {
        let mut terminal = Terminal::start(|path| {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(
                "printf 'name: '; read name; stty -echo; printf 'secret: '; read s; stty echo; \
                 echo; echo \"$name/$s in $0\"; exit 7",
            );
            command.arg(path);
            command
        })
        .unwrap();
        terminal.expect("name: ").send_line("alice");
        terminal.answer("secret: ", "1234");
        let ended = terminal.finish();
        assert_eq!(ended.status, 7);
        assert!(
            ended
                .transcript
                .starts_with("name: alice\nsecret: [hidden]\nalice/1234 in /dev/pts/"),
            "{}",
            ended.transcript
        );
    }
}
