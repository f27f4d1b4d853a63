//! The objects that administrators have created.

use serde_json::{Map, Value, json};

use super::kind::{self, Kind};
use crate::world::World;

/// One object, with the fields that it was made with.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(super) path: &'static str,
    pub(super) pk: Value,
    pub(super) fields: Map<String, Value>,
    /// The secret of a token, or of an outpost's.
    pub(super) key: Option<String>,
}

impl Object {
    pub(super) fn new(kind: &Kind, pk: Value, fields: Map<String, Value>) -> Object {
        let mut fields = fields;
        if kind.id.ends_with("_uuid") {
            fields.insert(kind.id.to_owned(), pk.clone());
        }
        Object {
            path: kind.path,
            pk,
            fields,
            key: None,
        }
    }

    /// The object as the API prints it, reduced to the fields that are used here.
    pub(super) fn json(&self) -> Value {
        let mut fields = self.fields.clone();
        if !fields.keys().any(|name| name.ends_with("_uuid")) {
            fields.insert("pk".to_owned(), self.pk.clone());
        }
        Value::Object(fields)
    }

    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    pub(super) fn flag(&self, field: &str, default: bool) -> bool {
        let flag = self.fields.get(field).and_then(Value::as_bool);
        flag.unwrap_or(default)
    }

    /// The items of a list.
    pub(super) fn items(&self, field: &str) -> &[Value] {
        let items = self.fields.get(field).and_then(Value::as_array);
        items.map(Vec::as_slice).unwrap_or_default()
    }

    /// The strings of a list.
    pub(super) fn texts(&self, field: &str) -> Vec<&str> {
        self.items(field).iter().filter_map(Value::as_str).collect()
    }

    fn id(&self, kind: &Kind) -> String {
        let id = match kind.id {
            "pk" => Some(&self.pk),
            field => self.fields.get(field),
        };
        match id {
            Some(Value::String(text)) => text.clone(),
            other => other.map(Value::to_string).unwrap_or_default(),
        }
    }
}

/// All objects, and what was built from them.
#[derive(Debug, Default)]
pub(crate) struct Managed {
    pub(super) objects: Vec<Object>,
    last_number: u32,
    /// The slugs of the flows and applications in the world that come from this store.
    pub(super) flows: Vec<String>,
    pub(super) applications: Vec<String>,
    /// The outpost tokens that were asked for once. authentik creates them a moment later.
    pub(super) asked_for: Vec<String>,
}

impl Managed {
    pub(super) fn all(&self, path: &str) -> impl Iterator<Item = &Object> {
        self.objects
            .iter()
            .filter(move |object| object.path == path)
    }

    pub(super) fn find(&self, kind: &Kind, id: &str) -> Option<&Object> {
        self.all(kind.path).find(|object| object.id(kind) == id)
    }

    pub(super) fn by_pk(&self, pk: &Value) -> Option<&Object> {
        self.objects.iter().find(|object| object.pk == *pk)
    }

    /// A number that belongs to no object and no user.
    pub(super) fn number(&mut self, world: &World) -> u32 {
        let users = world.users.iter().map(|user| user.pk);
        self.last_number = users.chain([self.last_number, 1000]).max().unwrap_or(0) + 1;
        self.last_number
    }

    /// Whether the object that a field refers to exists.
    pub(super) fn refers(&self, world: &World, kind: &Kind, field: &str, item: &Value) -> bool {
        let targets = kind::targets(kind.path, field);
        let exists = |target: &&str| match *target {
            "core/users" => world.users.iter().any(|user| json!(user.pk) == *item),
            "core/groups" => world.groups.iter().any(|group| json!(group.pk) == *item),
            path => self.objects.iter().any(|object| {
                object.path.starts_with(path)
                    && (object.path == path || object.path != "stages/prompt/prompts")
                    && object.pk == *item
            }),
        };
        targets.is_empty() || targets.iter().any(exists)
    }

    /// Removes an object, and the bindings and tokens that refer to it.
    pub(super) fn take(&mut self, path: &str, pk: &Value) {
        self.objects
            .retain(|object| object.path != path || object.pk != *pk);
        let depends = |object: &Object| {
            [
                "flows/bindings",
                "policies/bindings",
                "core/tokens",
                "stages/endpoints",
                "endpoints/agents/enrollment_tokens",
            ]
            .contains(&object.path)
                && ["target", "stage", "policy", "group", "user", "connector"]
                    .iter()
                    .any(|field| object.fields.get(*field) == Some(pk))
        };
        while let Some(object) = self.objects.iter().find(|o| depends(o)).cloned() {
            self.take(object.path, &object.pk);
        }
    }
}
