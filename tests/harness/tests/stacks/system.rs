//! The system's own places, which a test folder cannot replace: `/etc/pam.d`, `/usr/lib/pam.d`,
//! `/etc/pam.conf`, and names that are relative to them.
//!
//! They are replaced in a mount namespace of one thread, so the machine's own stay the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::engine::load::Files;
use crate::random::{Random, Stack, stack};
use crate::real::{ask_by_default, expect};

const ETC: &str = "/etc/pam.d";
const VENDOR: &str = "/usr/lib/pam.d";
const SINGLE: &str = "/etc/pam.conf";

/// The folders that the command uses for the system's own stacks.
fn system() -> Files {
    Files {
        dir: ETC.into(),
        vendors: vec![VENDOR.into()],
        single: Some(SINGLE.into()),
        debian: true,
        planned: Vec::new(),
    }
}

/// Lays writable layers over `/etc` and `/usr/lib`.
fn cover(scratch: &Path) -> Result<(), String> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: nix::Error| format!("{what}: {error}")
    };
    unshare(CloneFlags::CLONE_NEWNS).map_err(failed("no namespace of mounts"))?;
    let none = None::<&Path>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).map_err(failed("private mounts"))?;
    mount(
        Some("tmpfs"),
        scratch,
        Some("tmpfs"),
        MsFlags::empty(),
        none,
    )
    .map_err(failed("a tmpfs"))?;
    for (name, target) in [("etc", "/etc"), ("lib", "/usr/lib")] {
        let [upper, work] = ["upper", "work"].map(|layer| scratch.join(name).join(layer));
        for folder in [&upper, &work] {
            fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        let options = format!(
            "lowerdir={target},upperdir={},workdir={}",
            upper.display(),
            work.display()
        );
        mount(
            Some("overlay"),
            target,
            Some("overlay"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .map_err(failed(target))?;
    }
    Ok(())
}

/// The place of a stack's files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    /// Each file in one of the two folders, or in both.
    Folders,
    /// Only in the vendor's folder: there is no `/etc/pam.d`.
    VendorAlone,
    /// The single file: neither folder exists.
    Single,
    /// The single file, which is not read because a folder exists.
    SingleBesideAFolder,
}

fn empty(folder: &str) {
    let _ = fs::remove_dir_all(folder);
}

/// Writes a stack there. `/elsewhere/` in its lines is replaced by the folder of its files.
fn put(random: &mut Random, place: Place, stack: &Stack, scratch: &Path) {
    for folder in [ETC, VENDOR] {
        empty(folder);
    }
    let _ = fs::remove_file(SINGLE);
    let files = scratch.join("files");
    empty(&files.display().to_string());
    fs::create_dir(&files).unwrap();
    if matches!(place, Place::Folders | Place::SingleBesideAFolder) {
        fs::create_dir(ETC).unwrap();
    }
    if matches!(place, Place::Folders | Place::VendorAlone) {
        fs::create_dir(VENDOR).unwrap();
    }
    let single = |text: &str, service: &str| -> String {
        // A continued line is also continued in the single file.
        let text = text.replace("\\\n", " ");
        let lines = text.lines().filter(|line| {
            // The single file has no @include and no line without a service; a pam_debug line
            // without results is the end of a truncated file.
            let is_cut_off = line.trim_end().ends_with("pam_debug.so");
            !line.trim().is_empty() && !line.starts_with(['#', '@']) && !is_cut_off
        });
        lines.map(|line| format!("{service} {line}\n")).collect()
    };
    let mut one = String::new();
    for (name, text) in stack {
        // By name only, by the folder's path, or by the path of another folder.
        let base = match random.below(3) {
            0 => String::new(),
            1 => format!("{ETC}/"),
            _ => format!("{}/", files.display()),
        };
        let text = text.replace("/elsewhere/", &base);
        fs::write(files.join(name), &text).unwrap();
        match place {
            Place::Folders => {
                let both = random.below(6);
                if both != 1 {
                    fs::write(Path::new(ETC).join(name), &text).unwrap();
                }
                if both <= 2 {
                    // Differs from the one in /etc, so that it shows which one is read.
                    let text = match both {
                        1 => text,
                        _ => format!("auth required pam_debug.so.gone\n{text}"),
                    };
                    fs::write(Path::new(VENDOR).join(name), text).unwrap();
                }
            }
            Place::VendorAlone => {
                fs::write(Path::new(VENDOR).join(name), &text).unwrap();
            }
            Place::Single | Place::SingleBesideAFolder => match name.as_str() {
                "service" | "other" => one.push_str(&single(&text, name)),
                _ => {}
            },
        }
    }
    if place == Place::SingleBesideAFolder {
        fs::write(
            Path::new(ETC).join("other"),
            "auth required pam_deny.so.gone\n",
        )
        .unwrap();
    }
    if !one.is_empty() {
        fs::write(SINGLE, one).unwrap();
    }
}

fn show() -> String {
    let mut text = String::new();
    for folder in [ETC, VENDOR] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let inside = fs::read_to_string(&path).unwrap_or_default();
            text.push_str(&format!("== {}\n{inside}", path.display()));
        }
    }
    let one = fs::read_to_string(SINGLE).unwrap_or_default();
    text + "== /etc/pam.conf\n" + &one
}

fn compare(scratch: &Path) -> Result<(), String> {
    cover(scratch)?;
    let said = std::env::var("PAM_HARNESS_STACKS").ok();
    let all: u64 = said.map_or(1200, |number| number.parse().expect("a number"));
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..all {
        let mut random = Random(4711 + number * 0x1_0000_0000);
        let place = match number % 4 {
            0 | 1 => Place::Folders,
            2 => match random.below(2) {
                0 => Place::VendorAlone,
                _ => Place::SingleBesideAFolder,
            },
            _ => Place::Single,
        };
        let files = stack(&mut random, Path::new("/elsewhere"));
        put(&mut random, place, &files, scratch);
        let service = system().load("service");
        if service.undefined {
            continue;
        }
        let engine = expect(&service);
        let libpam = ask_by_default("service");
        assert_eq!(
            engine,
            libpam,
            "stack {number}, {place:?}: the engine on the left, libpam on the right\n{}",
            show()
        );
        *counts.entry(format!("{place:?}")).or_default() += 1;
        let come_to = match &libpam {
            None => "no handle".into(),
            Some(answers) => format!("authenticate: {}", answers.authenticate.name()),
        };
        *counts.entry(come_to).or_default() += 1;
    }
    println!("{all} stacks in the system's own places, each played by both:");
    for (what, count) in &counts {
        println!("{count:7} {what}");
    }
    for place in ["Folders", "VendorAlone", "Single", "SingleBesideAFolder"] {
        let count = counts.get(place).copied().unwrap_or_default();
        assert!(count >= all / 20, "{place}: {count}");
    }
    Ok(())
}

#[test]
fn stacks_in_the_systems_own_places_end_as_libpam_ends_them() {
    pam_harness::require_root!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    // The namespace belongs to this thread, and ends with it.
    let played = std::thread::spawn(move || compare(&path)).join();
    match played {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => pam_harness::skip!("{reason}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
