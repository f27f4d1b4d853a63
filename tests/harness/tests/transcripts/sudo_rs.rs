//! What a person sees with sudo-rs, which shows every prompt of a module, with the text of `-p`
//! before it.
//!
//! The kept transcript is from version 0.2.15 of crates.io: `cargo build --release --bin sudo`
//! in its sources, and the program copied to `target/packages/root/usr/bin/sudo-rs`. Debian 12
//! has no sudo-rs, so most machines do not run it again. But the module must send it the same
//! texts as sudo, and sudo runs everywhere.

use crate::{IN_ALL_PROGRAMS, named, see};
use pam_harness::host::RealHost;

const VERSION: &str = "sudo-rs 0.2.15";
/// It reads its own file, and knows fewer settings than sudo.
pub(crate) const SUDOERS: &str = "Defaults passwd_tries=1\nALL ALL=(ALL:ALL) ALL\n";
/// The copy that belongs to root.
pub(crate) const PROGRAM: &str = "/usr/bin/sudo-rs.root";

/// Makes a copy that may become root: an unpacked program does not belong to root.
pub(crate) fn install(host: &RealHost) {
    let script = format!("cp $(command -v sudo-rs) {PROGRAM} && chmod 4755 {PROGRAM}");
    let made = host.output("root", &["sh", "-c", &script]);
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn it_shows_every_prompt() {
    pam_harness::require_real_host!("sudo");
    let packages = pam_harness::require_packages!("sudo-rs");
    let program = packages.join("usr/bin/sudo-rs");
    let said = std::process::Command::new(program)
        .arg("--version")
        .output();
    let version = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    if !version.as_ref().is_ok_and(|said| said.starts_with(VERSION)) {
        pam_harness::skip!("the transcript is of {VERSION}, and here is {version:?}");
    }
    let mut seen = Vec::new();
    for name in IN_ALL_PROGRAMS {
        for program in ["sudo-rs", "sudo-rs -p"] {
            let text = tidy(&see(program, named(name), Some(&packages)));
            seen.push(format!("=== {program}: {name}\n{text}"));
        }
    }
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("sudo_rs", seen.join("\n\n"));
    });
}

/// Without the stars for typed characters, and without the QR code.
fn tidy(transcript: &str) -> String {
    let text = transcript.replace("[hidden]", "").replace('\u{8}', "");
    let text = text.replace("\u{1b}[0K", "");
    let (mut lines, mut drawn, mut led) = (Vec::new(), 0, 0);
    for line in text.lines() {
        let line = line.trim_end();
        let bare = line.strip_prefix("[sudo] ").unwrap_or(line);
        if bare.starts_with("@@") {
            drawn += 1;
            led += usize::from(bare != line);
            continue;
        }
        if drawn > 0 {
            lines.push(format!(
                "[a QR code of {drawn} lines, {led} of them behind \"[sudo] \"]"
            ));
            drawn = 0;
        }
        let typed = line.trim_end_matches('*');
        lines.push(match typed == line {
            true => line.to_owned(),
            false => format!("{typed}[hidden]"),
        });
    }
    lines.join("\n")
}

/// The lines of the module in the part of a kept transcript below this heading.
fn of_the_module(snapshot: &str, heading: &str) -> Vec<String> {
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/snapshots");
    let text = std::fs::read_to_string(format!("{FOLDER}/{snapshot}.snap")).unwrap_or_default();
    let heading = format!("=== {heading}\n");
    let (_, part) = text
        .split_once(&heading)
        .unwrap_or_else(|| panic!("{snapshot} lacks {heading}"));
    let part = part.split("\n===").next().unwrap_or_default();
    let bare = |line: &str| {
        let line = line.replace("[hidden]", "");
        let leads = ["[sudo: authenticate] ", "[sudo: input needed ", "[sudo] "];
        let lead = leads.into_iter().find(|lead| line.starts_with(lead));
        let line = line.strip_prefix(lead.unwrap_or_default()).unwrap_or(&line);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // The prompt for the password and the text at the end are sudo's own.
    let lines = part.lines().skip(1).map(bare);
    let of_sudo = |line: &String| {
        let leads = ["sudo:", "[exit status", "[a QR code", "root"];
        line.is_empty() || leads.iter().any(|lead| line.starts_with(lead))
    };
    lines.filter(|line| !of_sudo(line)).collect()
}

#[test]
fn sudo_rs_gets_the_same_messages_as_sudo() {
    let mut count = 0;
    for name in IN_ALL_PROGRAMS {
        let lines = of_the_module(name, "sudo");
        assert_eq!(
            of_the_module("sudo_rs", &format!("sudo-rs: {name}")),
            lines,
            "{name}"
        );
        count += lines.len();
    }
    assert!(count > 20, "{count} lines");
}
