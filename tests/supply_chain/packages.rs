//! What the packages do when they come and go. Their scripts are run, with a
//! folder of this test's in the place of /etc.

use std::path::{Path, PathBuf};
use std::process::Command;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The script of the rpm that runs before its files go.
fn preun() -> String {
    let spec = read("rpm/pam-authentik-flow.spec");
    let behind = spec.split("\n%preun\n").nth(1).expect("a script");
    behind.split("\n%").next().unwrap_or_default().to_owned()
}

/// A host with one stack, which holds `line`, and a pam-auth-update that writes
/// down what it is asked for.
struct Host(tempfile::TempDir);

impl Host {
    fn new(line: &str) -> Host {
        let host = Host(tempfile::tempdir().expect("a folder"));
        for folder in ["pam.d", "authselect", "bin"] {
            std::fs::create_dir(host.path(folder)).expect("a folder");
        }
        std::fs::write(host.path("pam.d/sshd"), format!("{line}\n")).expect("a stack");
        std::fs::write(host.path("pam.conf"), "").expect("a file");
        let tool = host.path("bin/pam-auth-update");
        let asked = host.path("asked");
        let text = format!("#!/bin/sh\necho \"$@\" >>{}\n", asked.display());
        std::fs::write(&tool, text).expect("a tool");
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(tool, all).expect("its mode");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Whether the script of a package lets it go, with what it says and asks for.
    fn lets_go(&self, script: &str, argument: &str) -> (bool, String) {
        let here = self.0.path().display().to_string();
        let script = script.replace("/etc/", &format!("{here}/"));
        let output = Command::new("/bin/sh")
            .args(["-c", &script, "script", argument])
            .env("PATH", format!("{here}/bin:/usr/bin:/bin"))
            .output()
            .expect("a shell");
        let asked = std::fs::read_to_string(self.path("asked")).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), format!("{said}{asked}"))
    }
}

/// A stack that names a module which is not there refuses everybody.
#[test]
fn no_package_goes_while_a_stack_names_the_module() {
    let line = "auth required pam_authentik_flow.so";
    // A guard without the module jumps elsewhere.
    let guard = "auth [success=1 default=ignore] pam_localuser.so file=/dev/null";
    for (script, argument) in [
        (read("deb/prerm"), "remove"),
        (preun(), "0"),
        (read("alpine/pam-authentik-flow.pre-deinstall"), "0.1.0"),
        (read("arch/pam-authentik-flow.script"), ""),
        // After the files of a package that no prerm was asked about.
        (read("deb/postrm"), "remove"),
    ] {
        for line in [line, guard] {
            let (goes, said) = Host::new(line).lets_go(&script, argument);
            assert!(!goes, "it goes: {said}\n{script}");
            assert!(said.contains("pam.d/sshd"), "{said}\n{script}");
        }
        for other in ["auth required pam_unix.so", &format!("# {line}")] {
            let (goes, said) = Host::new(other).lets_go(&script, argument);
            assert!(goes, "{other}: {said}\n{script}");
        }
    }
}

/// Where the deb stays, every stack is as before: it looks before it takes the
/// profile out.
#[test]
fn the_deb_changes_nothing_where_it_refuses() {
    for line in [
        "auth required pam_authentik_flow.so",
        // A guard without the module, whose jump leads elsewhere.
        "auth [success=1 default=ignore] pam_localuser.so file=/dev/null",
    ] {
        let (goes, said) = Host::new(line).lets_go(&read("deb/prerm"), "remove");
        assert!(
            !goes && said.contains("Nothing is changed."),
            "{line}: {said}"
        );
        assert!(!said.contains("--remove"), "{line}: {said}");
    }
}

/// The profile leaves the stacks before the file goes.
#[test]
fn the_deb_takes_its_profile_out_first() {
    let host = Host::new("auth required pam_unix.so");
    let (goes, said) = host.lets_go(&read("deb/prerm"), "remove");
    assert!(goes, "{said}");
    let removed = said.lines().any(|line| {
        line.split_whitespace().any(|word| word == "--remove") && line.contains("authentik-flow")
    });
    assert!(removed, "{said:?}");
}

/// Nothing is switched on that nobody has asked for.
#[test]
fn no_package_puts_the_module_into_a_stack() {
    let profile = read("deb/pam-configs");
    let default = profile
        .lines()
        .find_map(|line| line.strip_prefix("Default:"));
    assert_eq!(default.map(str::trim), Some("no"));
    let host = Host::new("auth required pam_unix.so");
    let (_, asked) = host.lets_go(&read("deb/postinst"), "configure");
    assert!(!asked.contains("--enable"), "{asked}");
    for script in [
        "deb/postinst",
        "rpm/pam-authentik-flow.spec",
        "arch/pam-authentik-flow.install",
        "alpine/APKBUILD",
    ] {
        for line in read(script).lines().map(str::trim_start) {
            let switches = [
                "authselect select",
                "authselect enable",
                "authentik-flow enable",
            ];
            let does = |what: &&str| line.starts_with(*what);
            assert!(!switches.iter().any(does), "{script}: {line}");
        }
    }
}

/// A control that goes on over a denial lets the next module say yes to whoever was
/// denied: what it ignores is named, and everything else ends the stack.
#[test]
fn a_denial_is_final_in_every_stack_that_is_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![
        root.join("packaging/deb/pam-configs"),
        root.join("packaging/rpm/authselect/make-profile"),
    ];
    for entry in std::fs::read_dir(root.join("conf/pam.d")).expect("the stacks") {
        files.push(entry.expect("a stack").path());
    }
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a stack");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((control, _)) = line.split_once("]") else {
                continue;
            };
            let module = line
                .split_whitespace()
                .any(|word| word.trim_end_matches('"') == "pam_authentik_flow.so");
            if !module {
                continue;
            }
            let control = control.split('[').nth(1).unwrap_or_default();
            let (mut dies, place) = (false, file.display());
            for pair in control.split_whitespace() {
                let (what, action) = pair.split_once('=').expect("a pair");
                match what {
                    "default" => dies = action == "die",
                    "ignore" | "authinfo_unavail" => assert_eq!(action, "ignore", "{place}"),
                    // A lock behind the module counts these two, and ends in a denial.
                    "success" | "auth_err" | "maxtries" => {}
                    other => panic!("{place}: {other} is judged apart"),
                }
            }
            assert!(dies, "{place}: {line}");
            count += 1;
        }
    }
    assert!(count >= 9, "{count} lines");
}
