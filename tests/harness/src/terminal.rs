//! A conversation over standard input: with a person at a terminal, or with the lines of a
//! pipe.

use crate::codes::{Code, Style};
use crate::transaction::{Converse, Message, Reply};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Stdin, Write};

/// The maximal length of an answer.
const LONGEST: usize = 64 * 1024;

/// Writes prompts and messages to standard output, and reads answers from standard input, one
/// per line.
///
/// At the end of input and at Ctrl-C, the conversation fails with `PAM_CONV_ERR`, as in an
/// application whose user has left.
pub struct Terminal<F: FnMut()> {
    input: Stdin,
    before_prompt: F,
}

impl<F: FnMut()> Terminal<F> {
    /// A conversation that calls `before_prompt` before each prompt.
    pub fn new(before_prompt: F) -> Terminal<F> {
        Terminal {
            input: io::stdin(),
            before_prompt,
        }
    }

    fn ask(&mut self, prompt: &Message) -> io::Result<Option<Vec<u8>>> {
        (self.before_prompt)();
        // Done before the prompt, so that input that is typed at once is neither shown nor
        // lost.
        let hidden = match prompt.style {
            Style::EchoOff => HiddenInput::begin(&self.input),
            _ => None,
        };
        let mut output = io::stdout();
        output.write_all(&prompt.text)?;
        output.flush()?;
        let answer = read_line(&self.input);
        let echoes_the_end = self.input.is_terminal() && hidden.is_none();
        drop(hidden);
        // Otherwise the next line would start after the prompt.
        if !echoes_the_end || !matches!(answer, Ok(Some(_))) {
            writeln!(output)?;
        }
        answer
    }
}

impl<F: FnMut()> Converse for Terminal<F> {
    fn converse(&mut self, messages: &[Message]) -> Result<Vec<Reply>, Code> {
        messages
            .iter()
            .map(|message| {
                if message.style.is_prompt() {
                    return match self.ask(message) {
                        Ok(Some(answer)) => Ok(Reply::Text(answer)),
                        Ok(None) | Err(_) => Err(Code::PAM_CONV_ERR),
                    };
                }
                show(&message.text).map_err(|_| Code::PAM_CONV_ERR)
            })
            .collect()
    }
}

fn show(text: &[u8]) -> io::Result<Reply> {
    let mut output = io::stdout();
    output.write_all(text)?;
    output.write_all(b"\n")?;
    output.flush()?;
    Ok(Reply::Nothing)
}

/// One line without its end; `None` at the end of input.
///
/// Reads byte by byte, so that the rest is left for the next reader.
fn read_line(input: &Stdin) -> io::Result<Option<Vec<u8>>> {
    let _interruptible = Interruptible::begin()?;
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        // An interrupted read means Ctrl-C, and is not repeated.
        match nix::unistd::read(input, &mut byte)? {
            0 if line.is_empty() => return Ok(None),
            0 => return Ok(Some(line)),
            _ if byte == *b"\n" => return Ok(Some(line)),
            _ if line.len() >= LONGEST => return Err(io::ErrorKind::InvalidData.into()),
            _ => line.push(byte[0]),
        }
    }
}

/// While it exists, Ctrl-C ends a read and not the process, so that the terminal's echo is
/// restored.
struct Interruptible(SigAction);

impl Interruptible {
    fn begin() -> io::Result<Interruptible> {
        extern "C" fn nothing(_: i32) {}
        let action = SigAction::new(
            SigHandler::Handler(nothing),
            SaFlags::empty(),
            SigSet::empty(),
        );
        // SAFETY: the handler does nothing, which is safe at any time.
        let former = unsafe { sigaction(Signal::SIGINT, &action) }?;
        Ok(Interruptible(former))
    }
}

impl Drop for Interruptible {
    fn drop(&mut self) {
        // SAFETY: restores the earlier handler.
        let _ = unsafe { sigaction(Signal::SIGINT, &self.0) };
    }
}

/// While it exists, the terminal does not show what is typed.
struct HiddenInput<'a> {
    input: &'a Stdin,
    former: Termios,
}

impl HiddenInput<'_> {
    /// `None` if the input is not a terminal.
    fn begin(input: &Stdin) -> Option<HiddenInput<'_>> {
        let former = tcgetattr(input).ok()?;
        let mut silent = former.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(input, SetArg::TCSAFLUSH, &silent).ok()?;
        Some(HiddenInput { input, former })
    }
}

impl Drop for HiddenInput<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.input, SetArg::TCSANOW, &self.former);
    }
}
