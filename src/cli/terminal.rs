//! The conversation on standard input: with a person at a terminal, or with the lines
//! of a pipe.

use std::io::{self, IsTerminal, Stdin, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::secret::Secret;
use pam_authentik_flow::text;
use zeroize::Zeroizing;

/// Writes prompts and messages to standard output, and reads answers from standard
/// input.
///
/// During a question, signals that would end or stop the program are blocked and read
/// like input. So the terminal always gets its echo back first.
#[derive(Debug)]
pub(crate) struct Terminal {
    input: Stdin,
    interrupted: bool,
}

/// The result of waiting for a line.
enum Waited {
    Line(Zeroizing<Vec<u8>>),
    /// The input has ended.
    End,
    /// Ctrl-C, or another signal that ends the program.
    Interrupted,
    /// Ctrl-Z: the question is asked again when the program continues.
    Stopped,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self {
            input: io::stdin(),
            interrupted: false,
        }
    }

    /// Whether Ctrl-C or another signal has interrupted a question.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    fn question(
        &mut self,
        prompt: &str,
        hidden: bool,
        what: &'static str,
    ) -> Result<Secret, LoginError> {
        let prompt = text::for_person(prompt, text::MAX_MESSAGE_BYTES);
        loop {
            let mut out = io::stdout().lock();
            let shown = write!(out, "{prompt} ").and_then(|()| out.flush());
            drop(out);
            shown.map_err(|_| LoginError::Conversation)?;
            match self.wait(hidden).map_err(|_| LoginError::Conversation)? {
                Waited::Line(line) => return usable(&line, what),
                Waited::End => return Err(LoginError::Conversation),
                Waited::Interrupted => {
                    self.interrupted = true;
                    return Err(LoginError::Conversation);
                }
                // The signal mask is restored and the echo is on: now the program may
                // stop.
                Waited::Stopped => raise(Signal::SIGTSTP).map_err(|_| LoginError::Conversation)?,
            }
        }
    }

    fn wait(&self, hidden: bool) -> io::Result<Waited> {
        let signals = HeldSignals::begin()?;
        let silence = if hidden {
            Silence::begin(&self.input)
        } else {
            None
        };
        let waited = self.read_line(&signals);
        let echoed = self.input.is_terminal() && silence.is_none();
        drop(silence);
        drop(signals);
        if !echoed || !matches!(waited, Ok(Waited::Line(_))) {
            // Otherwise the next line would start after the prompt.
            writeln!(io::stdout())?;
        }
        waited
    }

    /// Byte by byte, so that the rest of the input is left for the next reader.
    fn read_line(&self, signals: &HeldSignals) -> io::Result<Waited> {
        let mut line = Zeroizing::new(Vec::with_capacity(Secret::MAX_BYTES.saturating_add(2)));
        loop {
            let mut ready = [
                PollFd::new(signals.fd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.input.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                result => result?,
            };
            if let Ok(Some(signal)) = signals.fd.read_signal() {
                let stop = u32::try_from(Signal::SIGTSTP as i32).unwrap_or_default();
                return Ok(if signal.ssi_signo == stop {
                    Waited::Stopped
                } else {
                    Waited::Interrupted
                });
            }
            let mut byte = Zeroizing::new([0_u8]);
            match nix::unistd::read(&self.input, byte.as_mut_slice())? {
                0 if line.is_empty() => return Ok(Waited::End),
                0 => return Ok(Waited::Line(line)),
                _ if *byte == *b"\n" => return Ok(Waited::Line(line)),
                // One more byte than allowed shows that the line is too long.
                _ if line.len() > Secret::MAX_BYTES => {}
                _ => line.extend_from_slice(byte.as_slice()),
            }
        }
    }
}

impl Conversation for Terminal {
    fn ask_secret(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        self.question(prompt, true, what)
    }

    fn ask(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        self.question(prompt, false, what)
    }

    fn tell(&mut self, message: &str) -> Result<(), LoginError> {
        for part in text::messages(message) {
            writeln!(io::stdout(), "{part}").map_err(|_| LoginError::Conversation)?;
        }
        Ok(())
    }

    fn tell_error(&mut self, message: &str) {
        let message = text::for_person(message, text::MAX_MESSAGE_BYTES);
        let _ = writeln!(io::stdout(), "{message}");
    }

    fn shows_unicode(&self) -> bool {
        crate::cli::locale::shows_unicode()
    }

    fn stack_authtok(&mut self) -> Option<Secret> {
        None
    }

    fn leave_authtok(&mut self, _password: &Secret) {}
}

fn usable(line: &[u8], what: &'static str) -> Result<Secret, LoginError> {
    let unsendable = |reason| LoginError::Unsendable { what, reason };
    if line.len() > Secret::MAX_BYTES {
        return Err(unsendable("it is too long"));
    }
    let text = std::str::from_utf8(line).map_err(|_| unsendable("it is not UTF-8"))?;
    Ok(Secret::new(text.to_owned()))
}

/// While this lives, signals that end or stop a program are read from `fd`.
struct HeldSignals {
    fd: SignalFd,
    before: SigSet,
}

impl HeldSignals {
    fn begin() -> nix::Result<Self> {
        let mut held = SigSet::empty();
        for signal in [
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGTSTP,
        ] {
            held.add(signal);
        }
        let before = held.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let fd = SignalFd::with_flags(&held, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC);
        match fd {
            Ok(fd) => Ok(Self { fd, before }),
            Err(errno) => {
                before.thread_set_mask()?;
                Err(errno)
            }
        }
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

/// While this lives, the terminal does not show what is typed.
struct Silence<'a> {
    input: &'a Stdin,
    before: Termios,
}

impl<'a> Silence<'a> {
    /// `None` if the input is no terminal.
    fn begin(input: &'a Stdin) -> Option<Self> {
        let before = tcgetattr(input).ok()?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(input, SetArg::TCSAFLUSH, &silent).ok()?;
        Some(Self { input, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.input, SetArg::TCSADRAIN, &self.before);
    }
}
