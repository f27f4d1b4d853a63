//! Which authentik the double resembles, and in what the versions differ.
//!
//! The fields are those of the API's own models, which authentik's authors generate for each
//! release (the crate `authentik-client`, 2025.10.0, 2025.12.0, 2026.2.0, 2026.2.5, 2026.5.0,
//! 2026.5.5, 2026.8.5), and those of the recordings of 2025.10.0 and 2026.8.0.

use serde_json::{Map, Value};

use crate::session::USER_SWITCHING;

/// Which authentik the double resembles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    /// 2025.10, of which the recordings in `tests/captures` are.
    #[default]
    V2025_10,
    /// 2025.12.0.
    V2025_12,
    /// 2026.2.0 to 2026.2.4.
    V2026_2,
    /// 2026.2.5 and later of that series: redirects say whether they are final.
    V2026_2_5,
    /// 2026.5.0 to 2026.5.4: redirects do not say so.
    V2026_5,
    /// 2026.8, of which the recordings in `tests/captures-2026.8` are.
    V2026_8,
}

/// What a version does otherwise than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// A field of an object is new.
    New(&'static str, &'static str),
    /// A field of an object is gone.
    Gone(&'static str, &'static str),
    /// It behaves otherwise.
    Does(Behaviour),
    /// It does not do so any more, or not yet: a series that was branched off before.
    DoesNot(Behaviour),
}

/// What a version does, beside its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// The tries of the password stage are counted by the reputation of the name, over all
    /// sessions, since the stage was first shown.
    CountsByReputation,
    /// A message that cannot be sent is an error of the answer that asked for it.
    TellsOfTheGateway,
    /// A `flow_token` that it does not know starts the flow again.
    RestartsOverUnknownLinks,
    /// The messages of an application's policies are for superusers alone.
    KeepsMessagesBack,
    /// The session of an account that was deactivated is answered with 400.
    RefusesInactiveSessions,
    /// The API's JSON comes without a charset.
    SendsNoCharset,
    /// An identification without a name and without a passkey misses both.
    TakesNoName,
    /// A link that was mailed leads to a consent first.
    ConfirmsLinks,
    /// A stage that sends people to a source is not done because somebody says so.
    KeepsToSources,
    /// A number that somebody has confirmed already is refused.
    RefusesTakenNumbers,
    /// A code that was sent by text message need not be a number.
    TakesCodesAsText,
    /// A choice is an object, with a value and a label.
    ShowsChoicesAsObjects,
    /// The address for cancelling a flow has the page that `query` names as the next one.
    CancelsTowardsNext,
    /// While it starts, its front answers with 503. Read in its source.
    StartsWith503,
    /// A wrong code closes a device that gets its codes by text message or mail, too.
    ThrottlesMessages,
    /// A flow may ask for a link's token before anything else.
    KnowsRequiredTokens,
    /// Flows are shown to those who may see them.
    GuardsFlows,
}

use Behaviour::{
    CancelsTowardsNext, ConfirmsLinks, CountsByReputation, GuardsFlows, KeepsMessagesBack,
    KeepsToSources, KnowsRequiredTokens, RefusesInactiveSessions, RefusesTakenNumbers,
    RestartsOverUnknownLinks, SendsNoCharset, ShowsChoicesAsObjects, StartsWith503,
    TakesCodesAsText, TakesNoName, TellsOfTheGateway, ThrottlesMessages,
};
use Change::{Does, DoesNot, Gone, New};

/// All differences, version by version.
const CHANGES: [(Version, &[Change]); 6] = [
    (Version::V2025_10, &[]),
    (
        Version::V2025_12,
        &[
            New("ak-stage-identification", "passkey_challenge"),
            New("users/me", "roles"),
            New("user", "roles"),
            New("user", "roles_obj"),
            New("group", "inherited_roles_obj"),
            New("group", "parents"),
            New("group", "parents_obj"),
            Gone("group", "parent"),
            Gone("group", "parent_name"),
            Gone("groups_obj", "parent"),
            Gone("groups_obj", "parent_name"),
            Does(CountsByReputation),
            Does(TakesNoName),
        ],
    ),
    (
        Version::V2026_2,
        &[
            New("ak-stage-identification", "pending_user_identifier"),
            New("flow_info", "background_themed_urls"),
        ],
    ),
    (
        Version::V2026_2_5,
        &[
            New("xak-flow-redirect", "final_redirect"),
            // CVE-2026-49448, fixed in 2026.2.4 and 2026.5.1
            Does(KeepsToSources),
        ],
    ),
    (
        Version::V2026_5,
        &[
            Gone("xak-flow-redirect", "final_redirect"),
            DoesNot(KeepsToSources),
            Does(ThrottlesMessages),
            Does(KnowsRequiredTokens),
        ],
    ),
    (
        // Measured with 2026.8.0-rc1; which version before it began with the behaviours is
        // not known, so the double keeps to what was seen.
        Version::V2026_8,
        &[
            New("xak-flow-redirect", "final_redirect"),
            New("users/me", "is_current"),
            New("session", "users"),
            New("cookies", USER_SWITCHING),
            Does(TellsOfTheGateway),
            Does(RestartsOverUnknownLinks),
            Does(KeepsMessagesBack),
            Does(RefusesInactiveSessions),
            Does(SendsNoCharset),
            Does(ConfirmsLinks),
            Does(KeepsToSources),
            Does(RefusesTakenNumbers),
            Does(GuardsFlows),
            Does(TakesCodesAsText),
            Does(ShowsChoicesAsObjects),
            Does(CancelsTowardsNext),
            Does(StartsWith503),
        ],
    ),
];

impl Version {
    /// All versions that the double knows, the oldest first.
    pub const ALL: [Version; 6] = [
        Version::V2025_10,
        Version::V2025_12,
        Version::V2026_2,
        Version::V2026_2_5,
        Version::V2026_5,
        Version::V2026_8,
    ];
    /// The oldest and the newest: what holds for both is tried with no other.
    pub const ENDS: [Version; 2] = [Version::V2025_10, Version::V2026_8];

    /// Its number, as authentik writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Version::V2025_10 => "2025.10.0",
            Version::V2025_12 => "2025.12.0",
            Version::V2026_2 => "2026.2.0",
            Version::V2026_2_5 => "2026.2.5",
            Version::V2026_5 => "2026.5.0",
            Version::V2026_8 => "2026.8.0",
        }
    }

    /// The version of this number.
    #[must_use]
    pub fn named(name: &str) -> Option<Version> {
        Version::ALL
            .into_iter()
            .find(|version| version.name() == name || version.name().trim_end_matches(".0") == name)
    }

    /// The version that tests ask for with `AUTHENTIK_DOUBLE_VERSION`; the oldest without it.
    ///
    /// # Panics
    /// If there is no such version: a test run against another than was asked for shows nothing.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "the environment of a test is its caller's"
    )]
    pub fn asked_for() -> Version {
        match std::env::var("AUTHENTIK_DOUBLE_VERSION") {
            Ok(name) => Version::named(&name)
                .unwrap_or_else(|| panic!("AUTHENTIK_DOUBLE_VERSION: no version {name:?}")),
            Err(_) => Version::default(),
        }
    }

    /// Whether redirects say if they are final, so that a flow that was denied with *continue*
    /// can be told from one that has ended.
    #[must_use]
    pub fn tells_final_redirects(self) -> bool {
        self.has("xak-flow-redirect", "final_redirect")
    }

    /// The status of what its front says while it starts.
    pub(crate) fn status_while_starting(self) -> u16 {
        if self.does(StartsWith503) { 503 } else { 200 }
    }

    /// Whether a link that was mailed leads to a question first.
    #[must_use]
    pub fn confirms_links(self) -> bool {
        self.does(ConfirmsLinks)
    }

    /// Whether lists of groups name their parents, so that a nested group needs no request more.
    #[must_use]
    pub fn lists_parents(self) -> bool {
        self.has("groups_obj", "parent")
    }

    fn changes(self) -> impl DoubleEndedIterator<Item = Change> {
        CHANGES
            .into_iter()
            .filter(move |(version, _)| *version <= self)
            .flat_map(|(_, changes)| changes.iter().copied())
    }

    /// Whether it does so.
    pub(crate) fn does(self, behaviour: Behaviour) -> bool {
        let last = self.changes().rev().find_map(|change| match change {
            Does(this) if this == behaviour => Some(true),
            DoesNot(this) if this == behaviour => Some(false),
            _ => None,
        });
        last.unwrap_or_default()
    }

    /// Whether its `object` has this field. A field of which no version says anything is in all.
    pub(crate) fn has(self, object: &str, field: &str) -> bool {
        let last = self.changes().rev().find_map(|change| match change {
            New(of, name) if (of, name) == (object, field) => Some(true),
            Gone(of, name) if (of, name) == (object, field) => Some(false),
            _ => None,
        });
        let newest = Version::V2026_8.changes();
        let mut additions = newest.filter_map(|change| match change {
            New(of, name) => Some((of, name)),
            _ => None,
        });
        last.unwrap_or_else(|| !additions.any(|added| added == (object, field)))
    }

    /// Takes the fields out of `fields`, those of an `object`, that this version does not have.
    pub(crate) fn shape(self, object: &str, fields: &mut Map<String, Value>) {
        fields.retain(|field, _| self.has(object, field));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_there_from_its_version_on() {
        let has = |object, field| Version::ALL.map(|version| version.has(object, field));
        assert_eq!(has("ak-stage-identification", "sources"), [true; 6]);
        assert_eq!(
            has("ak-stage-identification", "passkey_challenge"),
            [false, true, true, true, true, true]
        );
        assert_eq!(
            has("xak-flow-redirect", "final_redirect"),
            [false, false, false, true, false, true]
        );
        assert_eq!(
            has("group", "parent"),
            [true, false, false, false, false, false]
        );
    }

    #[test]
    fn every_version_is_found_by_its_number() {
        for version in Version::ALL {
            assert_eq!(Version::named(version.name()), Some(version));
        }
        assert_eq!(Version::named("2026.8"), Some(Version::V2026_8));
        assert_eq!(Version::named("2024.2"), None);
    }
}
