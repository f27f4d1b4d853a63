//! Flows that end, or look as if they did.

use super::{Row, Version, row};

/// Whether redirects of this version say if they are final.
fn tells_final_redirects(version: Version) -> bool {
    match version {
        (2026, 2, patch) | (2026, 5, patch) => patch >= 5,
        other => other >= (2026, 8, 0),
    }
}

pub(super) fn rows() -> Vec<Row> {
    let end = |what, flow| row("ending", what, flow, "ann");
    let nobody = "nobody is logged in";
    let nothing = "no password and no code";
    let not_for_you = "does not apply to current user";
    let denied = "authentik denied access";
    let redirect = "xak-flow-redirect";
    let mut rows = vec![
        end("a flow without stages", "empty").gives("PAM_AUTH_ERR", nobody),
        end("a flow that asks for the name alone", "ident-alone").gives("PAM_AUTH_ERR", nobody),
        end("no login stage", "no-login")
            .password()
            .gives("PAM_AUTH_ERR", nobody),
        end("a login stage that a policy skips", "login-skipped")
            .password()
            .gives("PAM_AUTH_ERR", nobody),
        end(
            "a login stage whose policy is turned round",
            "login-negated",
        )
        .password(),
        end("a login without any secret", "no-secret").gives("PAM_AUTH_ERR", nothing),
        end("a login after a consent alone", "consent-alone")
            .visible("y")
            .gives("PAM_AUTH_ERR", nothing),
        end(
            "a login after a field that looks like a password",
            "form-alone",
        )
        .secret("anything")
        .gives("PAM_AUTH_ERR", nothing),
        end("a redirect stage at first", "redirect-first").gives("PAM_SERVICE_ERR", redirect),
        end("a redirect stage before the password", "redirect-before")
            .gives("PAM_SERVICE_ERR", redirect),
        end(
            "a redirect stage before the password, which is skipped",
            "redirect-before",
        )
        .section("[prompt]\nskip_redirects = true")
        .password(),
        end("a denial that goes on, told as no end", "continue")
            .only(tells_final_redirects)
            .gives("PAM_PERM_DENIED", "its denied action is to continue"),
        end("a denial that goes on, told as an end", "continue")
            .only(|version| !tells_final_redirects(version))
            .gives("PAM_AUTH_ERR", nobody),
        end(
            "a denial that goes on, with redirects skipped",
            "continue-skipped",
        )
        .section("[prompt]\nskip_redirects = true")
        .only(tells_final_redirects)
        .gives("PAM_PERM_DENIED", ""),
        end("a denial with words", "message").gives("PAM_PERM_DENIED", "Access is closed today."),
        end("a denial with words, or a redirect", "message-continue")
            .gives("PAM_PERM_DENIED", "Access is closed today."),
        end("a policy that fails", "raises").gives("PAM_PERM_DENIED", "a mistake in a policy"),
        end("two policies, of which all are needed", "all").gives("PAM_PERM_DENIED", not_for_you),
        end("two policies, of which one is needed", "any").password(),
        end("a denial behind the login", "late-deny")
            .password()
            .gives("PAM_PERM_DENIED", denied),
        end("a policy that logs in another person", "swap")
            .password()
            .gives("PAM_AUTH_ERR", "another user"),
        end("two login stages", "twice").password(),
        end("for people who are logged in", "authenticated").gives("PAM_PERM_DENIED", not_for_you),
        end("for people who are not logged in", "unauthenticated").password(),
        end("for superusers", "superuser").gives("PAM_PERM_DENIED", not_for_you),
        end("for people that another flow sends", "by-redirect").gives("PAM_PERM_DENIED", denied),
        end("for people with a link", "by-token")
            .only(|version| version >= (2026, 5, 0))
            .gives("PAM_PERM_DENIED", denied),
        end("a flow that changes passwords", "change").gives("PAM_PERM_DENIED", not_for_you),
        end("a flow that logs people out", "logout").gives("PAM_PERM_DENIED", not_for_you),
        end("a slug that does not exist", "password")
            .top("flow = \"no-such-flow-here\"")
            .gives("PAM_SERVICE_ERR", "no flow with the slug"),
        end("an address where nobody listens", "password")
            .top("url = \"https://127.0.0.1:1\"")
            .gives("PAM_AUTHINFO_UNAVAIL", ""),
        end("an authority that is not trusted", "password")
            .top("ca_file = \"{dir}/stranger.pem\"")
            .gives("PAM_AUTHINFO_UNAVAIL", ""),
    ];
    let designations = ["enrolment", "unenrolment", "set-up", "recovery"];
    for flow in designations {
        rows.push(row("designation", flow, flow, "ann").password());
    }
    for service in ["su", "login", "sudo", "screenlocker", "vsftpd"] {
        rows.push(
            row("service", service, "password", "ann")
                .service(service)
                .password(),
        );
    }
    rows
}
