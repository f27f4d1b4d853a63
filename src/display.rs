//! How a question is put together: the one place that knows what each program shows of a
//! text and of a prompt, by its PAM service. docs/programs.md says the same to people,
//! and how each program was tried.

use crate::text;

/// What fits into one prompt, with its blank and its NUL.
const PROMPT_BYTES: usize = text::MAX_MESSAGE_BYTES - 2;

/// How one program shows what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Display {
    /// When a text without a question is seen.
    pub texts: Texts,
    /// What is seen of a prompt.
    pub prompts: Prompts,
    /// Whether what is not ASCII is escaped (`\303\251`) in the text that ends a login.
    pub escapes_refusals: bool,
}

/// When a text without a question is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// As soon as it is sent.
    AtOnce,
    /// Together with the next prompt, above it.
    WithNextPrompt,
}

/// What is seen of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompts {
    /// All of it.
    Whole,
    /// One line, and one line of a text.
    OneLine,
    /// All of it, or none: the person or the administrator can replace every prompt.
    Replaceable,
    /// None: the person replaces every prompt in this call.
    Replaced,
}

/// How a question is put together: `[prompt] style`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PromptStyle {
    /// In the way that suits the program.
    #[default]
    Auto,
    /// The introduction is a text, and the prompt is one line.
    Short,
    /// All of it is in the prompt.
    Full,
}

/// A question and its introduction.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Errors, a menu, what was sent where. It may be empty.
    pub before: &'a str,
    /// The last line.
    pub question: &'a str,
    /// Whether it asks for the password, which people expect without being told.
    pub is_password: bool,
}

/// A question as the program is given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arranged {
    /// Texts to send first, one by one.
    pub texts: Vec<String>,
    /// The prompt, without a blank at the end.
    pub prompt: String,
}

impl Default for Display {
    /// Of a program that is not known: most show all at once.
    fn default() -> Self {
        Self {
            texts: Texts::AtOnce,
            prompts: Prompts::Whole,
            escapes_refusals: false,
        }
    }
}

impl Display {
    /// The display of the program that asks by `service`.
    #[must_use]
    pub fn of(service: &str) -> Self {
        let other = Self::default();
        match service {
            // sshd from 10.3 on shows texts at once, and cannot be told from earlier
            // ones. OpenSSH's client writes the text that ends a login to its log.
            _ if service.starts_with("ssh") => Self {
                texts: Texts::WithNextPrompt,
                escapes_refusals: true,
                ..other
            },
            "sudo" | "sudo-i" => Self {
                prompts: Prompts::Replaceable,
                ..other
            },
            "mariadb" | "mysql" | "cockpit" => Self {
                texts: Texts::WithNextPrompt,
                ..other
            },
            "xscreensaver" => Self {
                prompts: Prompts::OneLine,
                ..other
            },
            _ => other,
        }
    }

    /// Whether a text is seen while authentik waits for something.
    #[must_use]
    pub fn shows_texts_at_once(&self) -> bool {
        self.texts == Texts::AtOnce
    }

    /// Puts a question together: what must be known before answering is in the prompt
    /// wherever that is seen. What has no room there is sent as a text before it.
    #[must_use]
    pub fn arrange(&self, style: PromptStyle, asked: Asked<'_>) -> Arranged {
        let Asked {
            before, question, ..
        } = asked;
        let whole = join(before, question);
        let is_short = match style {
            PromptStyle::Auto => self.prompts == Prompts::OneLine,
            PromptStyle::Short => true,
            PromptStyle::Full => false,
        };
        // Nobody needs to be told to type a password where a prompt asks for one.
        let is_expected = asked.is_password && before.is_empty();
        let is_unseen = match self.prompts {
            Prompts::Whole | Prompts::OneLine => false,
            Prompts::Replaceable => style == PromptStyle::Short,
            Prompts::Replaced => true,
        };
        let (text, prompt) = if question.len() > PROMPT_BYTES {
            (whole.clone(), ">".to_owned())
        } else if is_short || whole.len() > PROMPT_BYTES {
            (before.to_owned(), question.to_owned())
        } else {
            (String::new(), whole.clone())
        };
        let text = if is_unseen && !is_expected {
            whole
        } else {
            text
        };
        let texts = match self.prompts {
            _ if text.is_empty() => Vec::new(),
            Prompts::OneLine => text.lines().map(str::to_owned).collect(),
            _ => vec![text],
        };
        Arranged { texts, prompt }
    }
}

/// Whether `sudo -p` replaces every prompt. `command_line` is sudo's own, with a NUL
/// behind each argument; `None` where it could not be read or is too long: then what may
/// have been replaced is shown once more.
///
/// Its caller chooses it, and with it only what they themselves see.
#[must_use]
pub fn sudo_replaces_prompts(command_line: Option<&[u8]>) -> bool {
    /// Short options with an argument.
    const WITH_ARGUMENT: &[u8] = b"CDRTUacghrtu";
    /// Long options with an argument.
    const LONG_WITH_ARGUMENT: [&[u8]; 13] = [
        b"auth-type",
        b"chdir",
        b"chroot",
        b"close-from",
        b"command-timeout",
        b"group",
        b"host",
        b"login-class",
        b"other-user",
        b"role",
        b"type",
        b"user",
        b"prompt",
    ];
    let Some(command_line) = command_line else {
        return true;
    };
    let mut words = command_line.split(|&byte| byte == 0).skip(1);
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix(b"--") {
            // "--" alone ends the options. Long ones may be abbreviated.
            let mut parts = long.splitn(2, |&byte| byte == b'=');
            let name = parts.next().unwrap_or_default();
            if name.is_empty() {
                return false;
            }
            if b"prompt".starts_with(name) {
                return true;
            }
            let takes_one = LONG_WITH_ARGUMENT
                .iter()
                .any(|option| option.starts_with(name));
            if takes_one && parts.next().is_none() {
                words.next();
            }
        } else if let Some(cluster) = word.strip_prefix(b"-") {
            let mut letters = cluster.iter();
            while let Some(letter) = letters.next() {
                if *letter == b'p' {
                    return true;
                }
                if WITH_ARGUMENT.contains(letter) {
                    // The rest of the word is the argument, or the next word.
                    if letters.next().is_none() {
                        words.next();
                    }
                    break;
                }
            }
        } else if !word.contains(&b'=') {
            // The command; variables may stand in front of it.
            return false;
        }
    }
    false
}

/// Whether this sshd is in a login by keyboard-interactive. That has a process of its own,
/// which calls itself `sshd: alice [pam]`. `command_line` is sshd's own.
#[must_use]
pub fn sshd_is_asking(command_line: Option<&[u8]>) -> bool {
    // sshd fills up the place of its first title.
    let is_end = |byte: &u8| matches!(byte, 0 | b' ');
    let title = command_line.unwrap_or_default();
    let end = title.iter().rposition(|byte| !is_end(byte));
    let title = end.and_then(|end| title.get(..=end));
    title.is_some_and(|title| title.ends_with(b" [pam]"))
}

/// Two texts, one below the other.
#[must_use]
pub fn join(above: &str, below: &str) -> String {
    match (above.is_empty(), below.is_empty()) {
        (true, _) => below.to_owned(),
        (_, true) => above.to_owned(),
        _ => format!("{above}\n{below}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: Asked<'_> = Asked {
        before: "1) app\n2) list",
        question: "Option:",
        is_password: false,
    };
    const PASSWORD: Asked<'_> = Asked {
        before: "",
        question: "Password:",
        is_password: true,
    };

    fn arranged(display: Display, style: PromptStyle, asked: Asked<'_>) -> (String, String) {
        let Arranged { texts, prompt } = display.arrange(style, asked);
        (texts.join("|"), prompt)
    }

    fn pair(text: &str, prompt: &str) -> (String, String) {
        (text.to_owned(), prompt.to_owned())
    }

    #[test]
    fn necessary_information_is_shown_in_time() {
        let replaced = Display {
            prompts: Prompts::Replaced,
            ..Display::default()
        };
        let whole = "1) app\n2) list\nOption:";
        use PromptStyle::{Auto, Full, Short};
        for (display, style, expected) in [
            (Display::of("sshd"), Auto, pair("", whole)),
            (Display::of("login"), Full, pair("", whole)),
            (
                Display::of("login"),
                Short,
                pair("1) app\n2) list", "Option:"),
            ),
            (
                Display::of("xscreensaver"),
                Auto,
                pair("1) app|2) list", "Option:"),
            ),
            (Display::of("xscreensaver"), Full, pair("", whole)),
            (Display::of("sudo"), Auto, pair("", whole)),
            (Display::of("sudo-i"), Short, pair(whole, "Option:")),
            (replaced, Auto, pair(whole, whole)),
            (replaced, Full, pair(whole, whole)),
            (replaced, Short, pair(whole, "Option:")),
        ] {
            assert_eq!(
                arranged(display, style, MENU),
                expected,
                "{display:?} {style:?}"
            );
            let password = arranged(display, style, PASSWORD);
            assert_eq!(password, pair("", "Password:"), "{display:?} {style:?}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_for_a_prompt_is_a_message() {
        let long = "x".repeat(PROMPT_BYTES);
        let asked = |before, question| {
            let asked = Asked {
                before,
                question,
                is_password: false,
            };
            arranged(Display::default(), PromptStyle::Auto, asked)
        };
        assert_eq!(asked(&long, "Code:"), pair(&long, "Code:"));
        assert_eq!(asked("", &long), pair("", &long));
        let longer = format!("{long}x");
        assert_eq!(asked("a", &longer), pair(&format!("a\n{longer}"), ">"));
    }

    #[test]
    fn the_process_of_sshd_that_asks_is_told_from_the_others() {
        for title in ["sshd: alice [pam]", "sshd-session: alice [pam]\0\0\0"] {
            assert!(sshd_is_asking(Some(title.as_bytes())), "{title}");
        }
        for title in [
            "sshd: alice [priv]\0\0",
            "sshd: [pam] [priv]",
            "sshd",
            "\0",
            "",
        ] {
            assert!(!sshd_is_asking(Some(title.as_bytes())), "{title}");
        }
        assert!(!sshd_is_asking(None));
    }

    #[test]
    fn sudo_p_is_told_from_the_command_that_it_runs() {
        let replaces = |line: &str| {
            let line = format!("sudo {line}\0").replace(' ', "\0");
            sudo_replaces_prompts(Some(line.as_bytes()))
        };
        for line in [
            "-p TEXT id",
            "-pTEXT id",
            "-kp TEXT id",
            "-u root -p TEXT id",
            "-uroot -p TEXT id",
            "-u p -kp TEXT id",
            "--prompt=TEXT id",
            "--prompt TEXT id",
            "--pro TEXT id",
            "--user root --prompt TEXT id",
            "--user=root -p TEXT id",
            "X=1 -p TEXT id",
            "-h host -p TEXT id",
        ] {
            assert!(replaces(line), "{line}");
        }
        for line in [
            "",
            "id",
            "-k id -p x",
            "-- -p x",
            "-u p id",
            "-up id",
            "--user p id",
            "--preserve-env id",
            "-i",
            "X=p cp -p a b",
            "--login --user=pip cp -p a b",
        ] {
            assert!(!replaces(line), "{line}");
        }
        assert!(
            sudo_replaces_prompts(None),
            "an unknown command line counts as one that keeps prompts"
        );
    }
}
