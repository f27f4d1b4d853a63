//! What the source of the library must not contain. clippy refuses the same things where they
//! are called. This finds them where they are only named, and in code that clippy does not
//! build.

use std::path::{Path, PathBuf};

/// What is forbidden inside sshd or sudo, with the reason.
const REFUSED: [(&str, &str); 17] = [
    ("std::env", "the environment belongs to the caller"),
    ("env::", "the environment belongs to the caller"),
    ("getenv", "the environment belongs to the caller"),
    ("setenv", "the environment belongs to the caller"),
    ("option_env!", "the build's environment decides nothing"),
    ("std::process", "the module starts and ends no process"),
    ("process::", "the module starts and ends no process"),
    ("fork(", "the module starts no process"),
    ("execv", "the module starts no process"),
    ("posix_spawn", "the module starts no process"),
    ("thread::spawn", "no thread outlives the call"),
    ("thread::Builder", "no thread outlives the call"),
    ("pthread_create", "no thread outlives the call"),
    ("chdir(", "the host process stays as it was"),
    ("umask(", "the host process stays as it was"),
    ("setlocale", "the host process stays as it was"),
    ("Duration::MAX", "every wait has an end"),
];

/// How many times `unsafe` occurs in src/pam and src/sys: blocks, functions, implementations
/// and declarations. A reviewer must see every change of this number.
const UNSAFE: usize = 62;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// Each source file, by its path below src/, without comments and tests.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    let mut sources: Vec<(String, String)> = found
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a readable file");
            let name = path.strip_prefix(&root).expect("a file of src");
            (name.to_string_lossy().into_owned(), code(&text))
        })
        .filter(|(name, _)| !name.ends_with("tests.rs"))
        .collect();
    sources.sort();
    sources
}

/// The code of a file, without comments and without its tests, which are at its end.
fn code(text: &str) -> String {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The parts of [`REFUSED`] in this code.
fn refused(code: &str) -> Vec<String> {
    // libpam's own variables, which only modules set, not those of the process.
    let code = &code.replace("pam_getenv(", "(");
    let mut met: Vec<String> = REFUSED
        .iter()
        .filter(|(word, _)| code.contains(word))
        .map(|(word, reason)| format!("{word}: {reason}"))
        .collect();
    // `use std::{env, fmt};` names it too.
    for group in code.split("std::{").skip(1) {
        let names = group.split('}').next().unwrap_or_default().split(',');
        for name in names.map(str::trim) {
            if ["env", "process"].contains(&name) {
                met.push(format!("std::{{{name}}}"));
            }
        }
    }
    met
}

/// The command is a separate program and may read its arguments.
fn is_of_the_command(name: &str) -> bool {
    name.starts_with("bin/") || name.starts_with("cli/")
}

#[test]
fn the_module_uses_no_environment_no_process_and_no_thread() {
    let sources = sources();
    assert!(sources.len() > 40, "{}", sources.len());
    let mut met = Vec::new();
    for (name, code) in sources.iter().filter(|(name, _)| !is_of_the_command(name)) {
        met.extend(
            refused(code)
                .into_iter()
                .map(|what| format!("src/{name}: {what}")),
        );
    }
    assert!(met.is_empty(), "{}", met.join("\n"));
}

#[test]
fn unsafe_code_stays_at_the_border() {
    let mut inside = 0;
    for (name, code) in sources() {
        let count = words(&code);
        if name.starts_with("pam/") || name.starts_with("sys/") {
            inside += count;
        } else {
            assert_eq!(count, 0, "unsafe in src/{name}");
        }
    }
    println!("unsafe: {inside} times in src/pam and src/sys, nowhere else");
    assert_eq!(
        inside, UNSAFE,
        "the number of unsafe blocks changed; if you want that, write the new number here"
    );
}

/// A file that belongs to no module is not built, so nobody notices when it becomes wrong.
#[test]
fn every_file_belongs_to_a_module() {
    let sources = sources();
    let is_declared = |name: &str| {
        let path = Path::new(name);
        let (folder, stem) = (path.parent().unwrap(), path.file_stem().unwrap());
        // A folder's own file is declared in the folder above.
        let (folder, module) = match stem == "mod" {
            true => (folder.parent().unwrap(), folder.file_name().unwrap()),
            false => (folder, stem),
        };
        let parents = [
            folder.join("mod.rs"),
            folder.with_extension("rs"),
            folder.join("lib.rs"),
        ];
        let declaration = format!("mod {};", module.to_str().unwrap());
        let by_path = format!("#[path = \"../{name}\"]");
        sources.iter().any(|(other, text)| {
            let is_parent = parents.contains(&PathBuf::from(other));
            is_parent && text.lines().any(|line| line.trim().ends_with(&declaration))
                || other.starts_with("bin/") && text.contains(&by_path)
        })
    };
    let lost: Vec<_> = sources
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !["lib.rs", "main.rs"].contains(name) && !name.starts_with("bin/"))
        .filter(|name| !is_declared(name))
        .collect();
    assert!(lost.is_empty(), "no module declares these files: {lost:?}");
}

/// How many times the keyword occurs: `unsafe_code` is the name of a lint.
fn words(code: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.split(|c| !is_part(c))
        .filter(|word| *word == "unsafe")
        .count()
}

/// The test must find forbidden code. Otherwise it would prove nothing.
#[test]
fn forbidden_code_would_be_found() {
    for bad in [
        "let x = std::env::var(\"A\");",
        "use std::{env, fmt};",
        "use std::{fmt, process};",
        "std::process::Command::new(\"x\");",
        "thread::spawn(|| ());",
    ] {
        assert!(!refused(bad).is_empty(), "{bad}");
    }
    for good in [
        "env!(\"CARGO_PKG_VERSION\")",
        "use std::{fmt, io};",
        "thread::sleep(pause)",
    ] {
        assert!(refused(good).is_empty(), "{good}");
    }
    assert_eq!(
        code("a // std::env\n#[cfg(test)]\nmod tests {\nstd::env"),
        "a "
    );
    assert_eq!(words("unsafe { x } // unsafe_code\nunsafe fn f()"), 2);
}
