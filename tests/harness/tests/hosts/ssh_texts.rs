//! What OpenSSH's client prints for letters outside ASCII. It escapes them in the text that
//! ends a keyboard-interactive login, and shows them everywhere else.

use crate::case::PASSWORD;
use authentik_double::{Double, Flow};
use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::host::{RealHost, configuration};

fn host(double: &Double, flow: &str, language: &str, more: &str) -> RealHost {
    let config = format!(
        "{}{more}\n[prompt]\nlanguage = \"{language}\"\n",
        configuration(double, flow)
    );
    RealHost::new(double)
        .config(&config)
        .file("/etc/security/lookup.token", "view-user-token\n", 0o600)
        .start()
}

/// The output of a login with keyboard-interactive: the prompt with `words`, and the end.
fn refused(host: &RealHost, user: &str, answers: &[(&str, &str)]) -> String {
    let mut ssh = host
        .ssh(user)
        .option("PreferredAuthentications=keyboard-interactive")
        .option("NumberOfPasswordPrompts=1")
        .run(&["id"]);
    for (words, answer) in answers {
        ssh.answer(words, answer);
    }
    let ended = ssh.finish();
    assert_eq!(ended.status, 255, "{}", ended.transcript);
    ended.transcript
}

#[test]
fn the_text_that_ends_a_login_over_ssh_is_ascii() {
    pam_harness::require_real_host!("sshd", "ssh");
    let double = Double::builder().without_pause().start();
    let denied = |slug: &str, words: &str| {
        let flow = Flow::new(slug).identification().password().deny(words);
        double.world(|world| world.add_flow(flow));
    };
    denied("denied", "Zugriff nur für Büro „Süd“ – größer…");
    denied("denied-in-spanish", "Solo desde el desagüe");
    denied("denied-in-japanese", "アクセスが拒否されました");
    for (flow, language, prompt, password, said) in [
        (
            "linux-login",
            "fr",
            "Mot de passe :",
            "wrong",
            "Ce mot de passe n'a pas ete accepte.",
        ),
        (
            "linux-login",
            "es",
            "Contraseña:",
            "wrong",
            "La contrasena no se ha aceptado.",
        ),
        (
            "denied",
            "de",
            "Passwort:",
            PASSWORD,
            "Zugang verweigert: Zugriff nur fuer Buero \"Sued\" - groesser...",
        ),
        (
            "denied-in-spanish",
            "es-MX",
            "Contraseña:",
            PASSWORD,
            "Acceso denegado: Solo desde el desague",
        ),
        (
            "denied-in-japanese",
            "de",
            "Passwort:",
            PASSWORD,
            "Der Anmeldedienst verweigert den Zugang.",
        ),
    ] {
        let host = host(&double, flow, language, "");
        let seen = refused(&host, "alice", &[(prompt, password)]);
        assert!(seen.contains(&format!("{said}\n")), "{seen}");
        let refusal = seen.split_once("[hidden]").map(|(_, refusal)| refusal);
        assert!(refusal.is_some_and(str::is_ascii), "{seen}");
        assert!(!seen.contains("\\3"), "{seen}");
    }
}

/// OpenSSH's client shows these in the character set of its locale.
#[test]
fn prompts_and_account_messages_keep_their_letters_over_ssh() {
    pam_harness::require_real_host!("sshd", "ssh");
    let double = Double::builder().without_pause().start();
    let menu = host(&double, "linux-mfa", "de", "");
    let answers = [
        ("Passwort:", PASSWORD),
        ("Auswahl", ""),
        ("Auswahl", ""),
        ("Auswahl", ""),
    ];
    let seen = refused(&menu, "zoe", &answers);
    assert!(seen.contains("dort bestätigen\n"), "{seen}");

    let account = "\n[account]\ntoken_file = \"/etc/security/lookup.token\"\n";
    let with_key = host(&double, "linux-login", "fr", account);
    double.world(|world| world.user_mut("alice").active = false);
    let ended = with_key
        .ssh("alice")
        .with_key()
        .option("PreferredAuthentications=publickey")
        .run(&["id"])
        .finish();
    assert_eq!(ended.status, 255, "{}", ended.transcript);
    assert!(
        ended.transcript.contains("connecter à cette machine"),
        "{}",
        ended.transcript
    );
}

/// After a password of another module, the look-up of the account belongs to the login with
/// keyboard-interactive, and its text ends that login.
#[test]
fn the_text_about_an_account_after_another_password_is_ascii() {
    pam_harness::require_real_host!("sshd", "ssh");
    let double = Double::builder().without_pause().start();
    double.world(|world| world.user_mut("alice").active = false);
    let host = RealHost::new(&double)
        .config(&format!(
            "{}\n[account]\ntoken_file = \"/etc/security/lookup.token\"\n\
             [prompt]\nlanguage = \"fr\"\n",
            configuration(&double, "linux-login")
        ))
        .file("/etc/security/lookup.token", "view-user-token\n", 0o600)
        .local_password("alice")
        .stack(
            "sshd",
            "auth required pam_unix.so\naccount required pam_authentik_flow.so\n\
             account required pam_permit.so\nsession required pam_permit.so\n",
        )
        .start();
    let seen = refused(&host, "alice", &[("Password:", LOCAL_ADMIN_PASSWORD)]);
    assert!(seen.contains("connecter a cette machine."), "{seen}");
    assert!(seen.is_ascii() && !seen.contains("\\3"), "{seen}");
}
