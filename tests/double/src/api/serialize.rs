//! Users, groups and flows as the API prints them.

use serde_json::{Value, json};

use crate::executor::AVATAR;
use crate::flow::Flow;
use crate::version::Version;
use crate::world::{Group, User, World};

/// A user as `users/me` shows it: groups with their ancestors.
pub(super) fn me(version: Version, world: &World, user: &User) -> Value {
    let mut groups = world.groups_with_ancestors(user);
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|group| json!({"name": group.name, "pk": group.pk}))
        .collect();
    let me = json!({
        "pk": user.pk,
        "username": user.username,
        "name": user.name,
        "is_active": user.active,
        "is_superuser": user.superuser,
        "groups": groups,
        "email": user.email,
        "avatar": user.avatar.as_deref().unwrap_or(AVATAR),
        "uid": user.uid,
        "settings": {},
        "type": user.user_type.as_str(),
        "system_permissions": [],
        "roles": [],
        "is_current": true,
    });
    shaped(version, "users/me", me)
}

/// Removes the fields that this version does not have.
fn shaped(version: Version, object: &str, mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        version.shape(object, fields);
    }
    value
}

/// A user as the list shows it: only direct groups.
pub(super) fn user(version: Version, world: &World, user: &User) -> Value {
    let direct: Vec<&Group> = user
        .groups
        .iter()
        .filter_map(|name| world.find_group(name))
        .collect();
    let pks: Vec<&str> = direct.iter().map(|group| group.pk.as_str()).collect();
    let objects: Vec<Value> = direct
        .iter()
        .map(|group| shaped(version, "groups_obj", basics(world, group)))
        .collect();
    let user = json!({
        "pk": user.pk,
        "username": user.username,
        "name": user.name,
        "is_active": user.active,
        "last_login": user.last_login,
        "date_joined": "2026-11-23T16:22:53.261995Z",
        "is_superuser": user.superuser,
        "groups": pks,
        "groups_obj": objects,
        "roles": [],
        "roles_obj": [],
        "email": user.email,
        "avatar": user.avatar.as_deref().unwrap_or(AVATAR),
        "attributes": {},
        "uid": user.uid,
        "path": "users",
        "type": user.user_type.as_str(),
        "uuid": user.uuid,
        "password_change_date": "2026-11-23T16:45:44.732753Z",
        "last_updated": "2026-11-23T16:45:45.148594Z",
    });
    shaped(version, "user", user)
}

/// A group with its members' numbers.
pub(super) fn group(version: Version, world: &World, group: &Group) -> Value {
    let members: Vec<u32> = world
        .users
        .iter()
        .filter(|user| user.groups.contains(&group.name))
        .map(|user| user.pk)
        .collect();
    let children: Vec<&str> = world
        .groups
        .iter()
        .filter(|child| child.parent.as_ref() == Some(&group.name))
        .map(|child| child.pk.as_str())
        .collect();
    let parents: Vec<&String> = parent(world, group).map(|p| &p.pk).into_iter().collect();
    let mut shown = basics(world, group);
    let more = json!({
        "parents": parents,
        "parents_obj": null,
        "inherited_roles_obj": [],
        "users": members,
        "users_obj": null,
        "roles": [],
        "roles_obj": [],
        "children": children,
        "children_obj": null,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        shown[name] = value.clone();
    }
    shaped(version, "group", shown)
}

/// The fields of a group that both lists show.
fn basics(world: &World, group: &Group) -> Value {
    json!({
        "pk": group.pk,
        "num_pk": group.num_pk,
        "name": group.name,
        "is_superuser": false,
        "parent": parent(world, group).map(|p| &p.pk),
        "parent_name": parent(world, group).map(|p| &p.name),
        "attributes": {},
    })
}

fn parent<'a>(world: &'a World, group: &Group) -> Option<&'a Group> {
    world.find_group(group.parent.as_deref()?)
}

/// A flow, without the fields that only administrators need.
pub(super) fn flow(flow: &Flow) -> Value {
    json!({
        "slug": flow.slug,
        "name": flow.title,
        "title": flow.title,
        "designation": flow.designation,
        "background": "/static/dist/assets/images/flow_background.jpg",
        "layout": "stacked",
    })
}

/// One page of a list that fits on one page.
pub(super) fn page(results: Vec<Value>) -> Value {
    let count = results.len().max(1);
    first_page(results, count)
}

/// The first page of a list, with at most this many entries.
pub(super) fn first_page(mut results: Vec<Value>, size: usize) -> Value {
    let count = results.len();
    let pages = count.div_ceil(size).max(1);
    results.truncate(size);
    let next = if pages > 1 { 2 } else { 0 };
    json!({
        "pagination": {
            "next": next,
            "previous": 0,
            "count": count,
            "current": 1,
            "total_pages": pages,
            "start_index": count.min(1),
            "end_index": results.len(),
        },
        "results": results,
    })
}
