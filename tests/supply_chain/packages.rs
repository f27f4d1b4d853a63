//! What the packages do when they are installed and removed. Their scripts run with a test
//! folder instead of /etc.

use std::path::{Path, PathBuf};
use std::process::Command;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The script of the rpm that runs before its files are removed.
fn preun() -> String {
    let spec = read("rpm/pam-authentik-flow.spec");
    let behind = spec.split("\n%preun\n").nth(1).expect("a script");
    behind.split("\n%").next().unwrap_or_default().to_owned()
}

/// A host with one stack that contains `line`, and a pam-auth-update that records its
/// arguments.
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

    /// Whether the script of a package allows the removal, with its output and its calls.
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

/// A stack that names a missing module refuses everyone.
#[test]
fn no_package_goes_while_a_stack_names_the_module() {
    let line = "auth required pam_authentik_flow.so";
    // Without the module, a guard jumps to the wrong line.
    let guard = "auth [success=1 default=ignore] pam_localuser.so file=/dev/null";
    for (script, argument) in [
        (read("deb/prerm"), "remove"),
        (preun(), "0"),
        (read("alpine/pam-authentik-flow.pre-deinstall"), "0.1.0"),
        (read("arch/pam-authentik-flow.script"), ""),
        // After the files of a package are removed whose prerm was not run.
        (read("deb/postrm"), "remove"),
    ] {
        for line in [line, guard] {
            let (goes, said) = Host::new(line).lets_go(&script, argument);
            assert!(
                !goes,
                "the package is removed, although a stack names the module: {said}\n{script}"
            );
            assert!(said.contains("pam.d/sshd"), "{said}\n{script}");
        }
        for other in ["auth required pam_unix.so", &format!("# {line}")] {
            let (goes, said) = Host::new(other).lets_go(&script, argument);
            assert!(goes, "{other}: {said}\n{script}");
        }
    }
}

/// If the deb stays, every stack is as before: it checks before it removes the profile.
#[test]
fn the_deb_changes_nothing_where_it_refuses() {
    for line in [
        "auth required pam_authentik_flow.so",
        // A guard without the module, whose jump leads to the wrong line.
        "auth [success=1 default=ignore] pam_localuser.so file=/dev/null",
    ] {
        let (goes, said) = Host::new(line).lets_go(&read("deb/prerm"), "remove");
        assert!(
            !goes && said.contains("No stack is changed."),
            "{line}: {said}"
        );
        assert!(!said.contains("--remove"), "{line}: {said}");
    }
}

/// With `bind = "uid"`, a missing binding lets the next person who has the name in. So the
/// bindings stay as long as a stack and the configuration do.
#[test]
fn a_purge_keeps_the_bindings_where_it_keeps_the_configuration() {
    for (line, stays) in [
        ("auth required pam_authentik_flow.so", true),
        ("auth required pam_unix.so", false),
    ] {
        let host = Host::new(line);
        let here = host.0.path().display().to_string();
        let files = [
            "security/pam_authentik_flow.toml",
            "security/pam_authentik_flow.d/50-host.toml",
            "security/authentik-host.token",
            "lib/authentik-flow/bindings/1000",
        ];
        for file in files {
            let path = host.path(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        let script = read("deb/postrm")
            .replace("/var/lib/", &format!("{here}/lib/"))
            .replace("/run/", &format!("{here}/run/"));
        let (goes, said) = host.lets_go(&script, "purge");
        assert!(goes, "{said}");
        for file in files {
            assert_eq!(host.path(file).exists(), stays, "{line}: {file}: {said}");
        }
        for kept in ["pam_authentik_flow.toml", "lib/authentik-flow"] {
            assert_eq!(said.contains(kept), stays, "{line}: {kept}: {said}");
        }
    }
}

/// The profile is removed from the stacks before the file is removed.
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

/// Nothing is enabled that nobody asked for.
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

/// A control that continues after a denial lets the next module accept a denied user. So it
/// lists what it ignores, and everything else ends the stack.
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
                    // A lock after the module counts these two, and ends in a denial.
                    "success" | "auth_err" | "maxtries" => {}
                    other => panic!("{place}: this test does not know the result {other}"),
                }
            }
            assert!(dies, "{place}: {line}");
            count += 1;
        }
    }
    assert!(count >= 9, "{count} lines");
}
