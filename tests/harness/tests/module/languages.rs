//! The module's words, and the server's, in a person's language.

use crate::bench::{Bench, PASSWORD, expect};

#[test]
fn the_words_and_the_header_follow_the_configuration() {
    pam_harness::require_isolation!();
    for (language, prompt, refusal) in [
        ("de", "Passwort: ", "Das Passwort wurde nicht angenommen."),
        (
            "de-CH",
            "Passwort: ",
            "Das Passwort wurde nicht angenommen.",
        ),
        (
            "fr",
            "Mot de passe : ",
            "Ce mot de passe n'a pas ete accepte.",
        ),
        ("es", "Contraseña: ", "La contrasena no se ha aceptado."),
        ("it", "Password: ", "La password non e stata accettata."),
        ("pt-BR", "Senha: ", "A senha nao foi aceita."),
        ("nl", "Wachtwoord: ", "Het wachtwoord is niet geaccepteerd."),
        ("pl", "Hasło: ", "Haslo nie zostalo przyjete."),
        ("en", "Password: ", "That password was not accepted."),
        // A language without a file: the server may still have it.
        ("ja", "Password: ", "That password was not accepted."),
    ] {
        let bench = Bench::new().section(&format!("[prompt]\nlanguage = \"{language}\"\n"));
        let outcome = bench.log_in("linux-login", "alice", &["wrong"]);
        expect(
            &outcome,
            "PAM_AUTH_ERR",
            &["authentik refused the password"],
        );
        assert_eq!(outcome.prompts(), [prompt]);
        // OpenSSH's client would escape other letters in this text.
        assert_eq!(outcome.shown(), [refusal]);
        for request in bench.double.requests() {
            let sent = request
                .headers
                .iter()
                .find(|(name, _)| name == "accept-language");
            assert_eq!(sent.map(|(_, value)| value.as_str()), Some(language));
        }
    }
}

#[test]
fn a_language_is_a_tag_and_nothing_else() {
    pam_harness::require_isolation!();
    for wrong in ["", "d", "deutsch", "de_DE", "de\\r\\nX: y", "../de", "de-"] {
        let bench = Bench::new().section(&format!("[prompt]\nlanguage = \"{wrong}\"\n"));
        let outcome = bench.log_in("linux-login", "alice", &[]);
        expect(&outcome, "PAM_SERVICE_ERR", &["no tag of a language"]);
    }
}

/// Yes and no in the user's language, and also in English.
#[test]
fn a_german_says_ja() {
    pam_harness::require_isolation!();
    for (typed, code) in [
        ("j", "PAM_SUCCESS"),
        ("y", "PAM_SUCCESS"),
        ("nein", "PAM_AUTH_ERR"),
    ] {
        let bench = Bench::new().section("[prompt]\nlanguage = \"de\"\n");
        bench.double.world(|world| {
            world.add_flow(
                authentik_double::Flow::new("consent")
                    .identification()
                    .password()
                    .consent()
                    .user_login(),
            );
        });
        let outcome = bench
            .pam("consent", "alice")
            .answer_secret(PASSWORD)
            .answer_visible(typed)
            .expecting("Zustimmen? [j/N] ")
            .authenticate()
            .run();
        assert_eq!(outcome.code().to_string(), code, "{outcome}");
    }
}
