//! More simultaneous logins than sshd allows by default.

use crate::bench::{Bench, PASSWORD, require_debian};
use crate::recipe::Recipe;
use authentik_double::{Fault, Match};
use pam_harness::host::Terminal;
use std::time::{Duration, Instant};

/// By default sshd refuses three of ten from the tenth on, and more as their number grows. The
/// chance that it refuses none of forty is one in fifty thousand.
const PEOPLE: usize = 40;

/// All arrive at once, and none answers before the last one got a question or was refused.
/// Returns those who got a question.
fn come_together(bench: &Bench) -> Vec<Terminal> {
    let terminals: Vec<_> = (0..PEOPLE).map(|_| bench.ssh("alice")).collect();
    terminals
        .into_iter()
        .filter_map(|mut terminal| {
            let asked = terminal.expect_or_end(&["assword:"]);
            asked.map(|_| terminal)
        })
        .collect()
}

#[test]
fn many_logins_at_once() {
    require_debian!("sshd", "ssh");
    let before = Bench::new(Recipe::read("The common part"), |host| host);
    before.install();
    let path = "/etc/ssh/sshd_config.d/10-authentik.conf";
    let text = before.recipe().text(path);
    let default: String = text
        .lines()
        .filter(|line| !line.starts_with("MaxStartups"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(default, text);
    before.host.write(path, &default);
    let asked = come_together(&before).len();
    assert!((10..PEOPLE).contains(&asked), "{asked} of {PEOPLE}");
    drop(before);

    let bench = Bench::new(Recipe::read("Many logins at once"), |host| host);
    bench.install_common_part();
    bench.install();
    bench
        .recipe()
        .report(&format!("asked by sshd's default: {asked} of {PEOPLE}"));
    newer_openssh(&bench);
    // The load of a login on authentik.
    let slow = Fault::on(Match::post("/flows/executor/")).delay(Duration::from_millis(500));
    bench.double.inject(slow);
    let mut asked = come_together(&bench);
    assert_eq!(asked.len(), PEOPLE, "{:?}", bench.host.new_log().last());
    let start = Instant::now();
    for terminal in &mut asked {
        terminal.send_secret(PASSWORD);
    }
    for mut terminal in asked {
        terminal.expect("let-in");
        assert_eq!(terminal.finish().status, 0);
    }
    let log: Vec<_> = bench
        .host
        .new_log()
        .iter()
        .map(ToString::to_string)
        .collect();
    let dropped = log
        .iter()
        .filter(|line| line.contains("MaxStartups throttling"));
    assert_eq!(dropped.count(), 0);
    assert!(
        start.elapsed() > Duration::from_millis(500),
        "the server was not slow, so the test shows nothing"
    );
    bench.recipe().report(&format!(
        "asked and let in by the recipe: {PEOPLE} of {PEOPLE}"
    ));
}

/// Lines that an older sshd does not know are refused by it, and accepted by a newer one.
fn newer_openssh(bench: &Bench) {
    let host = &bench.host;
    let test = || {
        // Only root's own files are read: the key is created at the first login.
        let words = "mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f /run/a-key; \
                     sshd -t -h /run/a-key; ssh -V";
        let output = host.output("root", &["sh", "-c", words]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for block in bench.recipe().install_for_newer_openssh(host) {
        let said = test();
        let (_, version) = said.rsplit_once("OpenSSH_").unwrap_or_default();
        let number = |text: &str| -> Option<(u32, u32)> {
            let (major, rest) = text.split_once('.')?;
            let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        let from = block.from_openssh.as_deref().and_then(number);
        let here = number(version);
        assert!(
            from.is_some() && here.is_some(),
            "{from:?} {here:?}: {said}"
        );
        let refused = said.contains("Bad configuration option");
        assert_eq!(refused, here < from, "{said}");
        let word = if refused { "refuses" } else { "takes" };
        bench
            .recipe()
            .report(&format!("{}: this sshd {word} it", block.paths[0]));
        if refused {
            host.remove(&block.paths[0]);
        }
    }
}
