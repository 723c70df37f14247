//! What the names in an expression mean: types, and the tree of names an expression may read.
//!
//! Built once per config from the core's own facts and the admin's fields; the checker asks it and never guesses.

use std::collections::BTreeMap;

/// What a name holds, and whether it may be empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Type {
    /// The kind of value.
    pub kind: Kind,
    /// Whether the value may be missing (null). Such a value needs `?? …` or a test before it is computed with.
    pub nullable: bool,
}

/// The kinds of values an expression knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Not known before run time (custom properties of a touch). Never complained about; may fail when evaluated.
    Any,
    /// Yes or no.
    Bool,
    /// A number, with the bounds it can never leave where there are any.
    Number {
        /// The least value it can have.
        min: Option<i64>,
        /// The greatest value it can have.
        max: Option<i64>,
    },
    /// Text.
    Text,
    /// One of these texts and no other.
    Picklist(Vec<String>),
    /// Several values of one type.
    List(Box<Type>),
    /// Named parts.
    Object(Object),
}

/// The parts of an object.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Object {
    /// The declared parts.
    pub fields: BTreeMap<String, Type>,
    /// The type of any part not declared, where the object is open (custom properties).
    pub open: Option<Box<Type>>,
}

impl Type {
    fn of(kind: Kind) -> Self {
        Self { kind, nullable: false }
    }
    /// A value of unknown kind.
    #[must_use]
    pub fn any() -> Self {
        Self::of(Kind::Any)
    }
    /// Yes or no.
    #[must_use]
    pub fn bool() -> Self {
        Self::of(Kind::Bool)
    }
    /// Any number.
    #[must_use]
    pub fn number() -> Self {
        Self::of(Kind::Number { min: None, max: None })
    }
    /// A number that is never below `min` nor above `max`.
    #[must_use]
    pub fn between(min: i64, max: i64) -> Self {
        Self::of(Kind::Number { min: Some(min), max: Some(max) })
    }
    /// A number that is never below `min` (ages, counts).
    #[must_use]
    pub fn at_least(min: i64) -> Self {
        Self::of(Kind::Number { min: Some(min), max: None })
    }
    /// Text.
    #[must_use]
    pub fn text() -> Self {
        Self::of(Kind::Text)
    }
    /// One of `values`.
    #[must_use]
    pub fn picklist<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::of(Kind::Picklist(values.into_iter().map(Into::into).collect()))
    }
    /// Several values of type `item`.
    #[must_use]
    pub fn list(item: Type) -> Self {
        Self::of(Kind::List(Box::new(item)))
    }
    /// An object with the given parts.
    #[must_use]
    pub fn object<T: Into<String>>(fields: impl IntoIterator<Item = (T, Type)>) -> Self {
        let fields = fields.into_iter().map(|(name, ty)| (name.into(), ty)).collect();
        Self::of(Kind::Object(Object { fields, open: None }))
    }
    /// The same, but the value may be missing.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
    /// The same, and the value is surely there.
    #[must_use]
    pub fn present(mut self) -> Self {
        self.nullable = false;
        self
    }
    pub(super) fn is_any(&self) -> bool {
        self.kind == Kind::Any
    }
    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Picklist(_))
    }
    pub(super) fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Number { .. })
    }
    /// How the type is called in a message, in English and Chinese.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Any => ("any value", "任意值"),
            Kind::Bool => ("yes or no", "是/否"),
            Kind::Number { .. } => ("a number", "数字"),
            Kind::Text | Kind::Picklist(_) => ("text", "文本"),
            Kind::List(_) => ("a list", "列表"),
            Kind::Object(_) => ("a group of fields", "一组字段"),
        }
    }
}

/// The names an expression may read, as a tree (`crm.person.owner.state`), with their types.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Schema {
    pub(super) root: Object,
    /// Part of the tree → the yes-or-no name that says it is present.
    pub(super) guards: BTreeMap<String, String>,
}

impl Schema {
    /// An empty schema to add names to.
    #[must_use]
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder { schema: Self::default() }
    }

    /// The type of a dotted name; `None` where there is no such name.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Type> {
        let segments: Vec<&str> = path.split('.').collect();
        self.resolve(&segments).ok()
    }

    /// All declared names with their types, in name order; groups of fields are not listed themselves.
    #[must_use]
    pub fn names(&self) -> Vec<(String, &Type)> {
        fn walk<'a>(prefix: &str, object: &'a Object, names: &mut Vec<(String, &'a Type)>) {
            for (name, ty) in &object.fields {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                match &ty.kind {
                    Kind::Object(inner) => walk(&path, inner, names),
                    _ => names.push((path, ty)),
                }
            }
        }
        let mut names = Vec::new();
        walk("", &self.root, &mut names);
        names
    }

    /// The type at `path`, or the position of the first segment that does not exist.
    pub(super) fn resolve(&self, path: &[&str]) -> Result<Type, Unresolved> {
        let mut object = &self.root;
        let mut nullable = false;
        for (at, name) in path.iter().enumerate() {
            let Some(ty) = object.fields.get(*name).or(object.open.as_deref()) else {
                return Err(Unresolved::NoSuchName(at));
            };
            nullable |= ty.nullable;
            if at + 1 == path.len() {
                return Ok(Type { kind: ty.kind.clone(), nullable });
            }
            match &ty.kind {
                Kind::Object(inner) => object = inner,
                Kind::Any => return Ok(Type::any()),
                _ => return Err(Unresolved::HasNoParts(at)),
            }
        }
        Err(Unresolved::NoSuchName(0))
    }

    /// The parts of the object at `path`, for suggestions.
    pub(super) fn parts(&self, path: &[&str]) -> Vec<&str> {
        let mut object = &self.root;
        for name in path {
            match object.fields.get(*name).map(|ty| &ty.kind) {
                Some(Kind::Object(inner)) => object = inner,
                _ => return Vec::new(),
            }
        }
        object.fields.keys().map(String::as_str).collect()
    }
}

/// Why a path has no type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unresolved {
    /// The segment at this position does not exist.
    NoSuchName(usize),
    /// The segment at this position is no group of fields, so nothing can follow it.
    HasNoParts(usize),
}

/// Builds a [`Schema`].
#[derive(Clone, Debug, Default)]
pub struct SchemaBuilder {
    schema: Schema,
}

impl SchemaBuilder {
    /// Declares the dotted name `path`; groups on the way are made. A name declared twice keeps the later type.
    #[must_use]
    pub fn field(mut self, path: &str, ty: Type) -> Self {
        self.schema.root = with(self.schema.root, path, &mut |parent, name| {
            parent.fields.insert(name.to_owned(), ty.clone());
        });
        self
    }

    /// Lets the group `path` have any further names, of unknown type (custom properties).
    #[must_use]
    pub fn open(self, path: &str) -> Self {
        self.open_as(path, Type::any())
    }

    /// Lets the group `path` have any further names, of type `ty`.
    #[must_use]
    pub fn open_as(mut self, path: &str, ty: Type) -> Self {
        let inside = format!("{path}.*");
        self.schema.root = with(self.schema.root, &inside, &mut |group, _| {
            group.open = Some(Box::new(ty.clone()));
        });
        self
    }

    /// Says that everything at or below `path` is present where the yes-or-no name `guard` is true, so that
    /// `crm.person.found and crm.person.idle_days < 30` needs no further test.
    #[must_use]
    pub fn present_when(mut self, path: &str, guard: &str) -> Self {
        self.schema.guards.insert(path.to_owned(), guard.to_owned());
        self
    }

    /// The finished schema.
    #[must_use]
    pub fn build(self) -> Schema {
        self.schema
    }
}

/// `object` with its group that holds the last name of `path` changed by `change`.
fn with(mut object: Object, path: &str, change: &mut dyn FnMut(&mut Object, &str)) -> Object {
    let Some((head, rest)) = path.split_once('.') else {
        change(&mut object, path);
        return object;
    };
    let (inner, nullable) = match object.fields.remove(head) {
        Some(Type { kind: Kind::Object(inner), nullable }) => (inner, nullable),
        _ => (Object::default(), false),
    };
    let inner = with(inner, rest, change);
    object.fields.insert(head.to_owned(), Type { kind: Kind::Object(inner), nullable });
    object
}
