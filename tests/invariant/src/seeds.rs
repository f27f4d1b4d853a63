//! The start inputs of the fuzzers: recordings of a real authentik, the shipped configuration,
//! and a few lines that people write.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::targets::roots::SEPARATOR;

/// One input of a target.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The target's name.
    pub target: &'static str,
    /// Its own name, suitable for a file.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Step {
    body: Option<Box<RawValue>>,
    #[serde(default)]
    headers: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    set_cookie: Vec<String>,
}

/// All seeds.
///
/// # Panics
/// If the recordings or the configuration are missing.
#[must_use]
pub fn all() -> Vec<Seed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, bytes: &[u8]| {
        seeds.push(Seed {
            target,
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        });
    };
    let captures = std::fs::read_dir(root.join("tests/captures")).expect("the recordings");
    for entry in captures {
        let path = entry.expect("an entry of a folder").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        if let Ok(steps) = serde_json::from_str::<Vec<Step>>(&text) {
            recording(&name, &steps, &mut add);
        } else if let Ok(samples) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(&text) {
            for (component, body) in samples {
                add("challenge", &component, &played(&[&body]));
                add("text", &component, body.get().as_bytes());
            }
        }
    }
    let texts = root.join("tests/recordings/texts.json");
    let texts = std::fs::read_to_string(texts).expect("the recorded texts");
    let texts: BTreeMap<String, String> = serde_json::from_str(&texts).expect("texts in pairs");
    for (number, html) in texts.keys().enumerate() {
        add("html", &format!("recorded-{number}"), html.as_bytes());
    }
    let shipped = root.join("conf/pam_authentik_flow.toml");
    let shipped = std::fs::read_to_string(shipped).expect("the shipped configuration");
    add("configuration", "shipped", shipped.as_bytes());
    let all_keys: Vec<String> = shipped.lines().map(uncommented).collect();
    add("configuration", "every-key", all_keys.join("\n").as_bytes());
    for (number, (target, text)) in LINES.iter().enumerate() {
        add(target, &format!("line-{number}"), text.as_bytes());
    }
    roots(&root, &mut add);
    // Each kind of request, for a key with and without a PIN that gives these answers.
    for kind in 0..4 {
        for options in [0, 2 + 16] {
            let start = |verify| [kind, verify, 0, 0, 0, 0, options];
            add("key", &format!("{kind}-{options}"), &start(0));
            add("key", &format!("{kind}-{options}-verified"), &start(1));
            for answer in 0..19 {
                // The answers to INIT, to getInfo, and to what follows.
                let name = format!("{kind}-{options}-answer-{answer}");
                let profile = [0; 10];
                for place in 0..8 {
                    let good = vec![0; place];
                    let bytes = [&start(1)[..], &profile, &good, &[answer]].concat();
                    add("key", &format!("{name}-{place}"), &bytes);
                }
            }
        }
    }
    for first in 0..14 {
        add("state", &format!("flow-{first}"), &[0, 0, 0, 0, 0, first]);
        add("state", &format!("rule-{first}"), &[first, 0, 0, 0, 0, 2]);
    }
    seeds
}

/// A bundle in several forms, with a chain that it can verify.
fn roots(root: &Path, add: &mut impl FnMut(&'static str, &str, &[u8])) {
    let read = |name: &str| {
        let path = root.join("tests/invariant/roots").join(name);
        std::fs::read_to_string(path).expect("a file of certificates")
    };
    let (bundle, chain) = (read("bundle.pem"), read("chain.pem"));
    for (name, bundle) in [
        ("plain", bundle.clone()),
        ("crlf", bundle.replace('\n', "\r\n")),
        ("twice", bundle.repeat(2)),
        ("damaged", bundle.replacen("MII", "M*I", 1)),
        (
            "commented",
            bundle.replace("-----BEGIN", "# A root\n-----BEGIN"),
        ),
        (
            "trusted",
            bundle.replacen("BEGIN CERT", "BEGIN TRUSTED CERT", 1),
        ),
    ] {
        let bytes = [bundle.as_bytes(), SEPARATOR, chain.as_bytes()].concat();
        add("roots", name, &bytes);
    }
}

fn recording(name: &str, steps: &[Step], add: &mut impl FnMut(&'static str, &str, &[u8])) {
    let bodies: Vec<&RawValue> = steps.iter().filter_map(|s| s.body.as_deref()).collect();
    // Pages and the empty bodies of redirects are not challenges.
    let objects: Vec<&RawValue> = bodies
        .into_iter()
        .filter(|body| body.get().starts_with('{'))
        .collect();
    add("challenge", name, &played(&objects));
    let mut headers: Vec<String> = Vec::new();
    for step in steps {
        headers.extend(step.set_cookie.iter().cloned());
        let location = step.headers.get("location").and_then(|l| l.as_str());
        headers.extend(location.map(str::to_owned));
    }
    add("wire", name, headers.join("\n").as_bytes());
}

/// In the format of the target `challenge`: a person who behaves correctly.
fn played(bodies: &[&RawValue]) -> Vec<u8> {
    let bodies: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| {
            let value: Result<serde_json::Value, _> = serde_json::from_str(body.get());
            value.map_or_else(|_| Vec::new(), |value| value.to_string().into_bytes())
        })
        .collect();
    let mut bytes = vec![8, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(bodies.join(&0));
    bytes
}

/// A key that is a comment in the shipped configuration.
fn uncommented(line: &str) -> String {
    let rest = line.strip_prefix('#').unwrap_or(line).trim_start();
    let is_key = rest.split_once('=').is_some_and(|(key, _)| {
        key.trim()
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_')
    });
    match is_key || rest.starts_with('[') {
        true => rest.to_owned(),
        false => String::new(),
    }
}

const LINES: [(&str, &str); 28] = [
    ("arguments", "debug"),
    (
        "arguments",
        "config=/etc/security/x.toml\nnodelay\ntry_first_pass",
    ),
    (
        "arguments",
        "url=https://a.example:9443/sso\nflow=f\nca_file=/c\nuse_first_pass",
    ),
    ("arguments", "use_authtok\nurl=https://[::1]"),
    ("code", ",\ncorrect-horse,123456"),
    ("code", ";;\ncorrect;;horse;;abcdefghijkl"),
    ("code", "+\na+b+12345678"),
    ("code", ",\n,123456"),
    (
        "html",
        "<ul><li>a<li><p>b</ul><ol><li>c</ol><table><tr><td>d<td>e</table>",
    ),
    (
        "html",
        "<a href=\"https://a.example/?a=1&amp;b\" title='>'>a</a><a href='#'>b</a><img alt=\"c\">",
    ),
    (
        "html",
        "<script>a</script><!-- b --><!DOCTYPE c><?d?><pre>e\nf</pre><br/>1 < 2 <g@h.example> &eacute;&#8211;&#x2013;&i; <a href=\"",
    ),
    (
        "link",
        "https://authentik.example.com/if/flow/linux-login/?flow_token=abcDEF012-_xyz",
    ),
    (
        "link",
        "https://authentik.example.com/if/flow/linux-login/?pam_service=sshd&flow_token=abcDEF012-_xyz&pam_tty=ssh",
    ),
    (
        "link",
        "https://authentik.example.com/if/flow/linux-login?flow_token=a%26next%3D//b",
    ),
    ("login_context", "sshd\nhost\nalice\n192.0.2.7\nssh\nbob"),
    (
        "login_context",
        "sudo\nhost.example\na&b=c\nfe80::1%eth0\n/dev/pts/0\nroot",
    ),
    (
        "login_context",
        "login\nhost\nalice\n::ffff:192.0.2.7\ntty1\n",
    ),
    ("text", "\u{10}One\ttwo\r\nthree\u{1b}[2J"),
    (
        "text",
        "PStatic <b>bold</b> &amp; plain<br><p>&#27;[1m&#x202e;</p>",
    ),
    ("text", "\u{3}\u{202e}abc\u{2066}\u{feff}\u{e0041}"),
    (
        "text",
        "\u{7f}<script>x</script><a href=\"https://a.example\">a</a>",
    ),
    (
        "wire",
        "authentik_session=one; Max-Age=0\na=b\na=c; Path=/\nb=\"x\"",
    ),
    (
        "wire",
        "https://a.example/api/v3/flows/executor/linux-login/?x=y",
    ),
    (
        "wire",
        "https://a.example:9443/sso/api/v3/flows/executor/linux-login/",
    ),
    ("wire", "//evil.example/api/v3/flows/executor/linux-login/"),
    (
        "configuration",
        "url = \"https://a.example\"\nflow = \"f\"\n[access]\nallow_any_user = true\n",
    ),
    (
        "configuration",
        "url = \"https://a.example\"\nflow = \"f\"\naccess.groups = [\"g\"]\n[services.sudo]\nflow = \"g\"\n",
    ),
    (
        "configuration",
        "url = \"https://a.example\"\nflow = \"f\"\naccess.application = \"g\"\n[prompt]\ncode_separator = \",\"\n",
    ),
];
