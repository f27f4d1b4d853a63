//! The endpoint stage, which asks which host this is.

use super::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    let host = |what, flow| row("host", what, flow, "ann").only(|version| version >= (2025, 12, 0));
    let refused = "host-refused";
    vec![
        host("no token, where none is required", "host-optional")
            .password()
            .gives("PAM_SUCCESS", "host_proof=not-configured"),
        host("no token, where one is required", "host-required")
            .password()
            .gives("PAM_PERM_DENIED", "cause=host-not-proved"),
        host("its token, where none is required", "host-optional")
            .password()
            .host("host")
            .gives("PAM_SUCCESS", "host_proof=signed"),
        host("its token, where one is required", "host-required")
            .password()
            .host("host")
            .gives("PAM_SUCCESS", "host_proof=signed"),
        host("a token that authentik never issued", "host-optional")
            .password()
            .host("bogus")
            .gives("PAM_PERM_DENIED", refused),
        host("the same, where one is required", "host-required")
            .password()
            .host("bogus")
            .gives("PAM_PERM_DENIED", refused),
    ]
}
