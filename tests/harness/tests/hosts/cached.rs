//! A proxy that caches authentik's answers although it must not: it ignores cookies,
//! `Cache-Control` and `Vary`. Nobody gets in with the answer for another user.

use crate::case::PASSWORD;
use crate::front::{free_port, start_nginx, start_varnish};
use authentik_double::Double;
use pam_harness::host::{RealHost, configuration};
use std::path::Path;
use std::time::Duration;

/// The user that the application of the test lets in, and one that it does not.
const ALLOWED: [&str; 2] = ["alice", "bob"];
const OUTSIDER: &str = "eve";

/// The requests for the owner of the session, and for access to the application.
const BOTH: &str = "/api/v3/core/";
/// Only the request for access to the application. Its answer names nobody.
const ACCESS_ALONE: &str = "/api/v3/core/applications/";

/// A host whose su uses an authentik behind a proxy.
struct Bench {
    double: Double,
    host: RealHost,
}

impl Bench {
    fn new(packages: &Path) -> Bench {
        let double = Double::start();
        let host = RealHost::new(&double).packages(packages).start();
        Bench { double, host }
    }

    /// The module's configuration with the proxy's address.
    fn use_front(&self, url: &str) {
        let text = configuration(&self.double, "linux-login")
            .replace(&self.double.url(), url)
            .replace("allow_any_user = true", "application = \"linux-ssh\"");
        self.host.config(&text);
    }

    /// Logs `user` in with the right password. Returns the code of the only line in the log.
    #[track_caller]
    fn su(&self, user: &str) -> String {
        self.host.new_lines();
        let mut su = self.host.su("carol", &[user, "-c", "echo in"]);
        su.answer("assword:", PASSWORD);
        let ended = su.finish();
        let lines = self.host.new_lines().join("\n");
        let is_in = ended.transcript.contains("\nin\n");
        assert_eq!(
            is_in,
            lines.contains("PAM_SUCCESS"),
            "{}\n{lines}",
            ended.transcript
        );
        lines
    }

    #[track_caller]
    fn expect(&self, user: &str, code: &str, reason: &str) {
        let lines = self.su(user);
        assert!(lines.contains(&format!(": {code}: user={user}")), "{lines}");
        assert!(lines.contains(reason), "{reason} is not in {lines}");
    }

    /// How many answers of this kind came from authentik itself.
    fn answered(&self, path: &str) -> usize {
        let requests = self.double.requests();
        requests.iter().filter(|r| r.path.contains(path)).count()
    }

    fn set_groups(&self, user: &str, groups: &[&str]) {
        self.double.world(|world| {
            world.user_mut(user).groups = groups.iter().map(|g| (*g).to_owned()).collect();
        });
    }
}

/// nginx caches answers below `path`, with this key.
fn nginx_cache(path: &str, key: &str) -> String {
    format!(
        "    location / {{ proxy_pass {{authentik}}; }}\n    \
         location {path} {{\n        proxy_pass {{authentik}};\n        \
         proxy_cache answers;\n        proxy_cache_key {key};\n        \
         proxy_cache_valid 200 1h;\n        \
         proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;\n    }}\n"
    )
}

/// nginx's usual key is the whole URL, and no request of the module repeats a URL.
#[test]
fn a_cache_that_goes_by_the_whole_url_has_no_answer() {
    pam_harness::require_real_host!("su");
    let packages = pam_harness::require_packages!("nginx");
    for path in [ACCESS_ALONE, BOTH] {
        let bench = Bench::new(&packages);
        let rules = nginx_cache(path, "$uri$is_args$args");
        bench.use_front(&start_nginx(&bench.host, &bench.double, "", &rules));
        for user in ALLOWED {
            bench.expect(user, "PAM_SUCCESS", "");
        }
        bench.expect(OUTSIDER, "PAM_PERM_DENIED", "is not open to the user");
        // A user who has lost access since.
        bench.set_groups("alice", &[]);
        bench.expect("alice", "PAM_PERM_DENIED", "is not open to the user");
        bench.set_groups("alice", &["linux-admins"]);
        bench.expect("alice", "PAM_SUCCESS", "");
        assert_eq!(bench.answered("/users/me/"), 5, "{path}");
        assert_eq!(bench.answered("/check_access/"), 5, "{path}");
    }
}

/// nginx adds no `Age`. Only the name in users/me shows the wrong answer.
#[test]
fn a_cache_that_goes_by_the_path_alone_tells_of_somebody_else() {
    pam_harness::require_real_host!("su");
    let packages = pam_harness::require_packages!("nginx");
    let bench = Bench::new(&packages);
    let rules = nginx_cache(BOTH, "$uri");
    bench.use_front(&start_nginx(&bench.host, &bench.double, "", &rules));
    bench.expect("alice", "PAM_SUCCESS", "");
    for user in ["bob", OUTSIDER] {
        bench.expect(user, "PAM_AUTH_ERR", "logged in another user: alice");
    }
    assert_eq!(
        bench.answered("/users/me/"),
        1,
        "the requests did not go through the cache"
    );
}

/// Varnish reports the age of its answers, like every cache that follows HTTP.
#[test]
fn a_cache_that_goes_by_the_path_alone_is_found_out_by_the_age() {
    // Varnish compiles its rules.
    pam_harness::require_real_host!("su", "cc");
    let packages = pam_harness::require_packages!("nginx", "varnishd");
    for path in [ACCESS_ALONE, BOTH] {
        let bench = Bench::new(&packages);
        let (behind, pattern) = (free_port(), format!("^{path}"));
        let varnish = start_varnish(
            &bench.host,
            behind,
            &format!(
                "sub vcl_recv {{\n    \
                 if (req.method == \"GET\" && req.url ~ \"{pattern}\") {{ return (hash); }}\n    \
                 return (pass);\n}}\n\
                 sub vcl_hash {{ hash_data(regsub(req.url, \"\\?.*$\", \"\")); return (lookup); }}\n\
                 sub vcl_backend_response {{\n    \
                 if (bereq.url ~ \"{pattern}\" && beresp.status == 200) {{\n        \
                 unset beresp.http.Vary;\n        unset beresp.http.Set-Cookie;\n        \
                 set beresp.ttl = 1h;\n        return (deliver);\n    }}\n}}\n"
            ),
        );
        let http = format!(
            "server {{ listen 127.0.0.1:{behind}; location / {{ proxy_pass {{authentik}}; }} }}"
        );
        let server = format!("    location / {{ proxy_pass http://127.0.0.1:{varnish}; }}");
        bench.use_front(&start_nginx(&bench.host, &bench.double, &http, &server));
        // Varnish had no answer, asked, and says `Age: 0`.
        bench.expect("alice", "PAM_SUCCESS", "");
        let asked = (
            bench.answered("/users/me/"),
            bench.answered("/check_access/"),
        );
        assert_eq!(asked, (1, 1), "{path}");
        std::thread::sleep(Duration::from_secs(2));
        for user in [OUTSIDER, "bob", "alice"] {
            bench.expect(user, "PAM_AUTH_ERR", "s old and came from a cache");
        }
        assert_eq!(
            bench.answered("/check_access/"),
            1,
            "{path}: the requests did not go through the cache"
        );
    }
}
