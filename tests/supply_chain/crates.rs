//! The crates of the module, as cargo lists them, compared with `deny.toml`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> toml::Table {
    let text = std::fs::read_to_string(root().join(path)).expect("a readable file");
    text.parse().expect("TOML")
}

/// Names and licences of all crates that are linked into the module or run when it is built.
fn crates() -> BTreeMap<String, String> {
    tree("pam-authentik-flow")
}

/// What a package needs to build and to run, without the needs of its tests.
fn tree(package: &str) -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges=normal,build"])
        .args([
            "--prefix=none",
            "--no-dedupe",
            "--format={p}|{l}",
            "--package",
        ])
        .arg(package)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .filter_map(|line| line.split_once('|'))
        .filter_map(|(package, license)| {
            let name = package.split(' ').next()?;
            Some((name.to_owned(), license.to_owned()))
        })
        .collect()
}

fn banned() -> Vec<String> {
    let deny = read("deny.toml");
    let list = deny["bans"]["deny"].as_array().expect("a list");
    list.iter()
        .map(|ban| ban["crate"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn no_runtime_no_other_tls_and_no_signals_in_the_module() {
    let crates = crates();
    assert!(
        crates.len() > 20 && crates.contains_key("ureq"),
        "{crates:?}"
    );
    let banned = banned();
    for required in [
        "tokio",
        "async-std",
        "smol",
        "mio",
        "native-tls",
        "openssl",
        "signal-hook",
    ] {
        assert!(
            banned.iter().any(|name| name == required),
            "{required} is allowed"
        );
    }
    let met: Vec<_> = banned
        .iter()
        .filter(|name| crates.contains_key(*name))
        .collect();
    assert!(
        met.is_empty(),
        "in the module, and banned by deny.toml: {met:?}"
    );
    println!(
        "{} crates in the module and its build, none of {} banned",
        crates.len(),
        banned.len()
    );
}

/// Proof that the crates are really listed: the server of the tests has a runtime.
#[test]
fn a_banned_crate_would_be_seen() {
    let crates = tree("authentik-double");
    let met: Vec<_> = banned()
        .into_iter()
        .filter(|name| crates.contains_key(name))
        .collect();
    assert_eq!(met, ["tokio", "mio"]);
}

#[test]
fn every_licence_is_allowed() {
    let deny = read("deny.toml");
    let allowed = deny["licenses"]["allow"].as_array().expect("a list");
    let allowed: Vec<&str> = allowed.iter().filter_map(|name| name.as_str()).collect();
    for (name, license) in crates() {
        assert!(is_allowed(&license, &allowed), "{name}: {license:?}");
    }
    assert!(!is_allowed("GPL-3.0", &allowed) && !is_allowed("", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(is_allowed("(MIT OR GPL-3.0) AND ISC", &allowed));
}

/// One choice in every part that counts together must be allowed.
fn is_allowed(license: &str, allowed: &[&str]) -> bool {
    let license = license.replace(['(', ')'], "").replace('/', " OR ");
    license.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|choice| allowed.contains(&choice.trim()))
    })
}

/// Crates come from cargo's registry, with a checksum, or from this repository.
#[test]
fn every_crate_comes_from_one_place() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        assert!(Path::new(&root().join(lock)).exists(), "{lock}");
        let mut registries = BTreeSet::new();
        for package in read(lock)["package"].as_array().expect("a list") {
            let name = package["name"].as_str().expect("a name");
            match package.get("source").and_then(|source| source.as_str()) {
                Some(source) => {
                    assert!(source.starts_with("registry+"), "{lock}: {name}: {source}");
                    assert!(package.get("checksum").is_some(), "{name}");
                    registries.insert(source.to_owned());
                }
                None => {
                    let ours = [
                        "authentik-bench",
                        "authentik-double",
                        "login-fuzz",
                        "login-invariant",
                        "pam-authentik-flow",
                        "pam-harness",
                        "test-live",
                    ];
                    assert!(ours.contains(&name), "{lock}: {name} comes from a folder");
                }
            }
        }
        assert_eq!(registries.len(), 1, "{lock}: {registries:?}");
    }
}

/// deny.toml accepts RUSTSEC-2026-0009, because the parsers of `time` are not in the module.
#[test]
fn the_module_has_no_parser_of_dates() {
    let features = |of: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "--prefix=none"])
            .args(["--edges=normal,features", "--invert=time"])
            .args(["--package=pam-authentik-flow"])
            .args(of)
            .current_dir(root())
            .output()
            .expect("cargo runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let of_the_module = features(&[]);
    assert!(
        of_the_module.contains("time feature \"formatting\""),
        "{of_the_module}"
    );
    let parsing = "time feature \"parsing\"";
    assert!(!of_the_module.contains(parsing), "{of_the_module}");
    // Proof that the test would see them: the command has them.
    assert!(features(&["--features=cli"]).contains(parsing));
}
