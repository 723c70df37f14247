//! Identities of our own things: an id type per kind, so that a lead id is never taken for a hand-over id.
//!
//! Ids are UUID v7 made by [`crate::moment::Moment`]: they sort by the time they were made.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A kind of id and the letter its short form starts with.
pub trait Kind {
    /// The letter shown before an id to people, such as `L` for a lead.
    const LETTER: char;
}

/// The id of a `K`.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// An id from its UUID.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The UUID, for a column.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", K::LETTER, self.0.simple())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K: Kind> FromStr for Id<K> {
    type Err = uuid::Error;

    /// Reads `L-0190…` as well as a bare UUID.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix(K::LETTER).and_then(|rest| rest.strip_prefix('-')).unwrap_or(text);
        Uuid::parse_str(bare).map(Self::new)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::new)
    }
}

macro_rules! kinds {
    ($($kind:ident $id:ident $letter:literal $what:literal;)*) => {$(
        #[doc = concat!("Marks the id of ", $what, ".")]
        pub enum $kind {}
        impl Kind for $kind { const LETTER: char = $letter; }
        #[doc = concat!("The id of ", $what, ".")]
        pub type $id = Id<$kind>;
    )*};
}

// Alphabetical, append-only.
kinds! {
    CaptureKind CaptureId 'C' "one thing a source told us";
    ConversationKind ConversationId 'V' "what was said in one exchange with a system";
    DecisionKind DecisionId 'X' "one decision on a hand-over";
    DeliveryKind DeliveryId 'D' "one thing to say to one system";
    HandoffKind HandoffId 'H' "a hand-over";
    LeadKind LeadId 'L' "a lead";
    PushKind PushId 'P' "one request or file that was pushed to us";
    TouchIdKind TouchId 'T' "a touch on a timeline";
}

macro_rules! names {
    ($($name:ident $what:literal;)*) => {$(
        #[doc = concat!("The name of ", $what, ", as the config gives it.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl From<&str> for $name { fn from(name: &str) -> Self { Self(name.to_owned()) } }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl std::borrow::Borrow<str> for $name { fn borrow(&self) -> &str { &self.0 } }
    )*};
}

names! {
    LinkName "a system we speak to (a CRM, an MA, a notice channel)";
    PersonKey "a salesperson";
    SourceName "a source of leads";
}
