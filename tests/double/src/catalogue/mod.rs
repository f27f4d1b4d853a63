//! The flows that every double knows.

mod components;
mod danger;
mod linux;
mod recorded;

use crate::flow::Flow;
use crate::world::World;

/// A flow in one line, for users of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowSummary {
    /// The slug for the configuration.
    pub slug: String,
    /// What it does.
    pub description: String,
    /// Users to try it with.
    pub users: Vec<String>,
}

/// The flows of a world, by slug.
pub fn list_flows(world: &World) -> Vec<FlowSummary> {
    world
        .flows
        .values()
        .map(|flow| FlowSummary {
            slug: flow.slug.clone(),
            description: flow.description.clone(),
            users: flow.users.clone(),
        })
        .collect()
}

pub(crate) fn flows() -> Vec<Flow> {
    let mut flows = recorded::flows();
    flows.extend(linux::flows());
    flows.extend(danger::flows());
    flows.extend(components::flows());
    flows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flow_is_described_and_unique_and_names_users_that_exist() {
        let world = World::recorded();
        assert_eq!(flows().len(), world.flows.len(), "a slug is used twice");
        for flow in list_flows(&world) {
            assert!(
                !flow.description.is_empty(),
                "{} has no description",
                flow.slug
            );
            assert!(!flow.users.is_empty(), "{} names no user", flow.slug);
            for user in flow.users {
                assert!(
                    world.users.iter().any(|u| u.username == user),
                    "{} names {user}",
                    flow.slug
                );
            }
        }
    }
}
