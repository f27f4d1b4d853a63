//! A conversation with whoever sits at standard input, as a program such as
//! `login` leads it: at a terminal secrets are not echoed; otherwise answers are
//! lines of the input, one each.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::codes::{Code, Style};
use crate::transaction::{Converse, Message, Reply};

/// Asks at standard output, and reads from standard input.
pub struct Terminal {
    interactive: bool,
}

impl Terminal {
    /// Standard input and output as they are.
    pub fn new() -> Terminal {
        Terminal {
            interactive: io::stdin().is_terminal(),
        }
    }

    fn ask(&self, prompt: &str, hidden: bool) -> Result<Reply, Code> {
        print!("{prompt}");
        io::stdout().flush().map_err(|_| Code::PAM_CONV_ERR)?;
        let line = {
            let _quiet = (hidden && self.interactive).then(EchoOff::begin);
            read_line()
        };
        if !self.interactive || hidden {
            println!();
        }
        line.map(Reply::Text)
    }
}

impl Default for Terminal {
    fn default() -> Terminal {
        Terminal::new()
    }
}

impl Converse for Terminal {
    fn converse(&mut self, messages: &[Message]) -> Result<Vec<Reply>, Code> {
        let mut replies = Vec::with_capacity(messages.len());
        for message in messages {
            let text = String::from_utf8_lossy(&message.text);
            replies.push(match message.style {
                Style::EchoOff => self.ask(&text, true)?,
                Style::EchoOn => self.ask(&text, false)?,
                _ => {
                    println!("{text}");
                    Reply::Nothing
                }
            });
        }
        Ok(replies)
    }
}

/// One line without its end, byte by byte: what follows is the next answer's.
fn read_line() -> Result<Vec<u8>, Code> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match io::stdin().lock().read(&mut byte) {
            Ok(1) if byte == *b"\n" => return Ok(line),
            Ok(1) => line.extend_from_slice(&byte),
            Ok(_) if !line.is_empty() => return Ok(line),
            // The end of the input: nobody is there any more.
            Ok(_) | Err(_) => return Err(Code::PAM_CONV_ERR),
        }
    }
}

/// The terminal without echo, until dropped.
struct EchoOff(Option<Termios>);

impl EchoOff {
    fn begin() -> EchoOff {
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(stdin.as_fd()) else {
            return EchoOff(None);
        };
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        let _ = tcsetattr(stdin.as_fd(), SetArg::TCSAFLUSH, &quiet);
        EchoOff(Some(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSAFLUSH, before);
        }
    }
}
