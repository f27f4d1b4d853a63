//! The module finds the roots that a server needs, and parses no others. Each verdict is
//! compared with that of a client that parses every root: many forms of a file, many chains,
//! and several times.

mod authority;

use std::collections::BTreeMap;
use std::time::Duration;

use authority::{Authority, Chain, key, world};
use login_invariant::targets::roots::{Verdict, same_verdict};
use rcgen::date_time_ymd;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

const DEBIAN: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The forms of a file's text, with `strangers` before and after.
fn forms(roots: &[String], strangers: &[String]) -> Vec<(&'static str, String, bool)> {
    let (before, behind) = strangers.split_at(strangers.len() / 2);
    let all: Vec<&str> = before
        .iter()
        .chain(roots)
        .chain(behind)
        .map(String::as_str)
        .collect();
    let plain = all.concat();
    let body =
        |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with('-')).collect() };
    let wrapped = |width: usize, indent: &str, end: &str| -> String {
        let wrap = |pem: &&str| {
            let body = body(pem);
            let lines: Vec<String> = body
                .as_bytes()
                .chunks(width)
                .map(|line| format!("{indent}{}{end}", String::from_utf8_lossy(line)))
                .collect();
            format!(
                "-----BEGIN CERTIFICATE-----{end}{}-----END CERTIFICATE-----{end}",
                lines.concat()
            )
        };
        all.iter().map(wrap).collect()
    };
    let between = |text: &str| {
        all.iter()
            .map(|pem| format!("{text}{pem}"))
            .collect::<String>()
    };
    let trusted = |pem: &str| pem.replace(" CERTIFICATE-", " TRUSTED CERTIFICATE-");
    let damaged_stranger = strangers[0].replacen("MII", "M*I", 1);
    let crl = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    let cases = [
        ("plain", plain.clone()),
        ("backwards", all.iter().rev().copied().collect()),
        ("twice", plain.repeat(2)),
        ("roots alone", roots.concat()),
        ("one root", roots[0].clone()),
        ("four roots", roots[..4].concat()),
        ("five roots", roots[..5].concat()),
        ("strangers alone", strangers.concat()),
        ("CRLF", plain.replace('\n', "\r\n")),
        ("CR", plain.replace('\n', "\r")),
        ("no end of line at the end", plain.trim_end().to_owned()),
        ("empty lines", plain.replace('\n', "\n\n")),
        (
            "spaces behind BEGIN",
            plain.replace("BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE-----  "),
        ),
        (
            "text behind END",
            plain.replace("END CERTIFICATE-----", "END CERTIFICATE----- # the end"),
        ),
        ("one long line", wrapped(100_000, "", "\n")),
        ("76 characters a line", wrapped(76, "", "\r\n")),
        ("7 characters a line", wrapped(7, "", "\n")),
        ("indented", wrapped(64, " \t", "\n")),
        ("comments", between("# A comment - with dashes -----\n\n")),
        (
            "comments that begin with dashes",
            between("----- A comment\n--\n-\n-----BEGIN\n-----END\n"),
        ),
        (
            "dumps",
            between("Certificate:\n    Data:\n        Version: 3 (0x2)\n"),
        ),
        ("END without BEGIN", between("-----END CERTIFICATE-----\n")),
        ("bytes that are no text", between("\u{feff}ü\0\n")),
        (
            "TRUSTED CERTIFICATE as well",
            format!("{}{plain}", trusted(&strangers[1])),
        ),
        ("TRUSTED CERTIFICATE alone", trusted(&plain)),
        (
            "a root as TRUSTED CERTIFICATE",
            plain.replacen(&roots[0], &trusted(&roots[0]), 1),
        ),
        (
            "X509 CERTIFICATE",
            plain.replace(" CERTIFICATE-", " X509 CERTIFICATE-"),
        ),
        ("a CRL as well", format!("{crl}{plain}")),
        ("a CRL at the end", format!("{plain}{crl}")),
        ("a key as well", format!("{plain}{}", key().serialize_pem())),
        (
            "BEGIN at the end",
            format!("{plain}-----BEGIN CERTIFICATE-----\n"),
        ),
        (
            "BEGIN twice",
            plain.replacen(
                "-----BEGIN CERTIFICATE-----\n",
                "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
                1,
            ),
        ),
        (
            "an END is missing",
            plain.replacen("-----END CERTIFICATE-----\n", "", 1),
        ),
        (
            "another END",
            plain.replacen(
                "-----END CERTIFICATE-----",
                "-----END TRUSTED CERTIFICATE-----",
                1,
            ),
        ),
        (
            "BEGIN with four dashes",
            plain.replacen(
                "-----BEGIN CERTIFICATE-----",
                "-----BEGIN CERTIFICATE----",
                1,
            ),
        ),
        (
            "BEGIN with two blanks",
            plain.replacen("BEGIN CERTIFICATE", "BEGIN  CERTIFICATE", 1),
        ),
        ("cut off", plain[..plain.len() - 100].to_owned()),
        (
            "no certificate that can be used",
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".repeat(9),
        ),
        (
            "some that cannot be used",
            format!(
                "{}{plain}",
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".repeat(9)
            ),
        ),
        (
            "an empty certificate",
            format!("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n{plain}"),
        ),
        ("nothing", String::new()),
        ("no PEM", "no PEM\n".repeat(100)),
    ];
    let damaged = [
        (
            "a stranger is damaged",
            plain.replacen(&strangers[0], &damaged_stranger, 1),
        ),
        (
            "a stranger is damaged at its end",
            plain.replacen(
                &strangers[0],
                &strangers[0].replacen("\n-----END", "!\n-----END", 1),
                1,
            ),
        ),
        (
            "a root is damaged",
            plain.replacen(&roots[0], &roots[0].replacen("MII", "M*I", 1), 1),
        ),
        (
            "a root is damaged at its end",
            plain.replacen(
                &roots[0],
                &roots[0].replacen("\n-----END", "!\n-----END", 1),
                1,
            ),
        ),
        ("every certificate is damaged", plain.replace("MII", "M*I")),
    ];
    let sound = cases.into_iter().map(|(name, text)| (name, text, false));
    sound
        .chain(damaged.map(|(name, text)| (name, text, true)))
        .collect()
}

fn at(year: i32) -> UnixTime {
    let seconds = date_time_ymd(year, 6, 1).unix_timestamp();
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap()))
}

/// How many times each verdict occurred.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        *self.0.entry(format!("{verdict:?}")).or_default() += 1;
    }

    fn of(&self, verdict: Verdict) -> usize {
        self.0.get(&format!("{verdict:?}")).copied().unwrap_or(0)
    }
}

fn names() -> [ServerName<'static>; 3] {
    ["localhost", "127.0.0.1", "elsewhere.example"].map(|name| ServerName::try_from(name).unwrap())
}

#[test]
fn the_chosen_roots_give_the_verdict_of_all_of_them() {
    let world = world();
    let strangers: Vec<String> = (0..8)
        .map(|number| Authority::root(&format!("stranger {number}")).pem)
        .collect();
    let mut tally = Tally::default();
    let [localhost, address, elsewhere] = names();
    for (form, file, is_damaged) in forms(&world.roots, &strangers) {
        let mut of_form = Tally::default();
        for (name, chain) in &world.chains {
            for server in [&localhost, &elsewhere] {
                println!("{form}: {name} for {server:?}");
                let verdict = same_verdict(file.as_bytes(), chain, server, at(2026));
                of_form.add(verdict);
                tally.add(verdict);
            }
        }
        let despite = of_form.of(Verdict::AcceptedDespiteDamage);
        assert!(is_damaged || despite == 0, "{form}: {:?}", of_form.0);
        println!("{form}: {:?}", of_form.0);
    }
    // Chains that should be accepted are accepted, and each verdict occurs.
    let plain = world.roots.concat() + &strangers.concat();
    let verdict = |name: &str, server, year| {
        same_verdict(plain.as_bytes(), &world.chains[name], server, at(year))
    };
    for name in [
        "root and server",
        "intermediate",
        "two intermediates",
        "the second of the twins",
        "cross-signed both ways",
        "permitted name",
        "long name",
        "nameless root",
        "P-384",
        "unknown root, cross-signed",
        "forty that are not needed",
        "expired root",
    ] {
        assert_eq!(verdict(name, &localhost, 2026), Verdict::Accepted, "{name}");
        assert_eq!(verdict(name, &elsewhere, 2026), Verdict::Refused, "{name}");
    }
    for name in [
        "no intermediate",
        "unknown root, sent",
        "a twin that is in no file",
        "excluded name",
        "path too long",
        "expired",
        "not yet valid",
        "for clients",
        "the root itself as a server",
        "Ed25519",
    ] {
        assert_eq!(verdict(name, &localhost, 2026), Verdict::Refused, "{name}");
    }
    assert_eq!(verdict("expired", &address, 2019), Verdict::Accepted);
    assert_eq!(verdict("not yet valid", &address, 2041), Verdict::Accepted);
    assert!(tally.of(Verdict::Accepted) > 500, "{:?}", tally.0);
    assert!(tally.of(Verdict::Refused) > 500, "{:?}", tally.0);
    assert!(tally.of(Verdict::BadFile) > 100, "{:?}", tally.0);
    assert!(
        tally.of(Verdict::AcceptedDespiteDamage) > 20,
        "{:?}",
        tally.0
    );
    assert!(tally.of(Verdict::RefusedForDamage) > 20, "{:?}", tally.0);
    println!("generated: {:?}, 0 differences", tally.0);
}

/// Debian's bundle, with and without our roots, and each of its certificates as that of a
/// server.
#[test]
fn the_distributions_bundle_gives_the_verdict_of_all_its_roots() {
    let Ok(debian) = std::fs::read_to_string(DEBIAN) else {
        eprintln!("skipped: there is no {DEBIAN}");
        return;
    };
    let world = world();
    let ours = world.roots.concat();
    let middle = debian[..debian.len() / 2].rfind("-----BEGIN").unwrap();
    let (first, second) = debian.split_at(middle);
    let mut tally = Tally::default();
    let localhost = &names()[0];
    for (place, file) in [
        ("none of ours", debian.clone()),
        ("ours in the middle", format!("{first}{ours}{second}")),
        (
            "ours at the end, CRLF",
            format!("{debian}{ours}").replace('\n', "\r\n"),
        ),
    ] {
        for (name, chain) in &world.chains {
            let verdict = same_verdict(file.as_bytes(), chain, localhost, at(2026));
            assert!(
                place != "none of ours" || verdict == Verdict::Refused,
                "{name}"
            );
            tally.add(verdict);
        }
    }
    let own: Chain = CertificateDer::pem_slice_iter(debian.as_bytes())
        .map(Result::unwrap)
        .collect();
    for certificate in &own {
        let chain = [certificate.clone()];
        tally.add(same_verdict(debian.as_bytes(), &chain, localhost, at(2026)));
    }
    assert!(tally.of(Verdict::Accepted) > 20, "{:?}", tally.0);
    println!(
        "{} certificates of {DEBIAN}: {:?}, 0 differences",
        own.len(),
        tally.0
    );
}
