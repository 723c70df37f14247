//! What the practice CRM and MA know: objects, their fields, lengths and picklists.
//!
//! Everything else (validation, describe, search, pages, the journal) reads these tables, so that a field is
//! described once. Rules that span fields or records are not here: see `world`.

mod describe;
mod tables;

pub(crate) use describe::{describe, is_named};
use tables::{ACCOUNTS, ACTIVITIES, CONTACTS, LEADS, MA_CONTACTS, OPPORTUNITIES, USERS};

/// One object of the CRM or the MA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Users,
    Accounts,
    Contacts,
    Leads,
    Opportunities,
    Activities,
    MaContacts,
}

impl Kind {
    /// All objects, in the order of their tables.
    pub(crate) const ALL: [Self; 7] = [
        Self::Users,
        Self::Accounts,
        Self::Contacts,
        Self::Leads,
        Self::Opportunities,
        Self::Activities,
        Self::MaContacts,
    ];

    /// The object of a path segment (`leads`).
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.schema().name == name)
    }

    pub(crate) const fn schema(self) -> &'static Schema {
        match self {
            Self::Users => &USERS,
            Self::Accounts => &ACCOUNTS,
            Self::Contacts => &CONTACTS,
            Self::Leads => &LEADS,
            Self::Opportunities => &OPPORTUNITIES,
            Self::Activities => &ACTIVITIES,
            Self::MaContacts => &MA_CONTACTS,
        }
    }

    /// `L` + (1001 + row) for leads, and so on.
    pub(crate) fn id(self, row: u32) -> String {
        format!("{}{}", self.schema().prefix, u64::from(row) + FIRST_NUMBER)
    }

    /// The row an id names, if it is shaped like an id of this object.
    pub(crate) fn row(self, id: &str) -> Option<u32> {
        let number = id.strip_prefix(self.schema().prefix)?;
        if number.is_empty() || number.starts_with(['0', '+']) {
            return None;
        }
        number.parse::<u64>().ok()?.checked_sub(FIRST_NUMBER)?.try_into().ok()
    }
}

/// The number of the first record of each object.
const FIRST_NUMBER: u64 = 1001;

/// One object: its names and fields.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) name: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) prefix: char,
    pub(crate) label: Label,
    pub(crate) api_writable: bool,
    pub(crate) fields: &'static [Field],
    /// Position of the field that carries the mark.
    pub(crate) mark: Option<usize>,
    /// The mark is unique whatever the mode (the MA's own key).
    pub(crate) mark_always_unique: bool,
}

impl Schema {
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    pub(crate) fn is_mark(&self, position: usize) -> bool {
        self.mark == Some(position)
    }
}

/// A text in English and Chinese.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
}

/// How two values of a searchable field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    Exact,
    /// Without regard to case and outer blanks.
    Loose,
    /// By digits, without the country code of a Chinese mobile.
    Phone,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sort {
    Text(usize),
    Int(i64, i64),
    Money,
    Bool,
    Time,
    Choice(&'static [(i64, Label)]),
    Word(&'static [(&'static str, Label)]),
    Ref(Kind),
    List(usize),
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: Label,
    pub(crate) sort: Sort,
    pub(crate) required: bool,
    pub(crate) writable: bool,
    pub(crate) search: Option<Likeness>,
}

/// Position of a field in a table; `usize::MAX` when it is not there (a test sees to it that it is).
const fn at(fields: &[Field], name: &str) -> usize {
    let mut i = 0;
    while i < fields.len() {
        if same(fields[i].name, name) {
            return i;
        }
        i += 1;
    }
    usize::MAX
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Positions of the fields that rules name.
pub(crate) mod pos {
    use super::at;
    use super::tables::{
        ACCOUNT_FIELDS, ACTIVITY_FIELDS, CONTACT_FIELDS, LEAD_FIELDS, MA_CONTACT_FIELDS, OPPORTUNITY_FIELDS,
        USER_FIELDS,
    };

    macro_rules! positions {
        ($module:ident, $fields:ident: $($name:ident = $field:literal),+ $(,)?) => {
            pub(crate) mod $module {
                use super::{$fields, at};
                $(pub(crate) const $name: usize = at($fields, $field);)+
                #[cfg(test)]
                pub(crate) const LISTED: &[usize] = &[$($name),+];
            }
        };
    }

    positions!(user, USER_FIELDS: NAME = "name", LOGIN = "login", REGION = "region", MANAGER = "manager_id",
        STATE = "state");
    positions!(account, ACCOUNT_FIELDS: NAME = "name", OWNER = "owner_id", PROVINCE = "province", CITY = "city",
        INDUSTRY = "industry", LAST_ACTIVITY = "last_activity_at");
    positions!(contact, CONTACT_FIELDS: NAME = "name", PHONE = "phone", EMAIL = "email", TITLE = "title",
        ACCOUNT = "account_id", OWNER = "owner_id", PROVINCE = "province", CITY = "city", LEAD = "lead_id",
        LAST_ACTIVITY = "last_activity_at");
    positions!(lead, LEAD_FIELDS: NAME = "name", PHONE = "phone", EMAIL = "email", COMPANY = "company", TITLE = "title",
        INDUSTRY = "industry", PROVINCE = "province", CITY = "city", STATUS = "status", FEEDBACK = "feedback",
        FEEDBACK_REMARK = "feedback_remark", RELEASE_REASON = "release_reason", OWNER = "owner_id",
        ACCOUNT = "account_id", LAST_ACTIVITY = "last_activity_at", CONVERTED = "converted", CONTACT = "contact_id",
        OPPORTUNITY = "opportunity_id", CONVERTED_AT = "converted_at");
    positions!(opportunity, OPPORTUNITY_FIELDS: NAME = "name", ACCOUNT = "account_id", CONTACT = "contact_id",
        LEAD = "lead_id", OWNER = "owner_id", STAGE = "stage", AMOUNT = "amount", CURRENCY = "currency",
        LOST_REASON = "lost_reason", COMPETITOR = "competitor", CLOSED_AT = "closed_at",
        LAST_ACTIVITY = "last_activity_at");
    positions!(activity, ACTIVITY_FIELDS: KIND = "kind", SUBJECT = "subject", OWNER = "owner_id",
        LEAD = "lead_id", CONTACT = "contact_id", ACCOUNT = "account_id", OPPORTUNITY = "opportunity_id",
        DONE = "done");
    positions!(ma, MA_CONTACT_FIELDS: CLICKS = "clicks", SEGMENTS = "segments");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_named_by_a_rule_exists() {
        let groups = [
            pos::user::LISTED,
            pos::account::LISTED,
            pos::contact::LISTED,
            pos::lead::LISTED,
            pos::opportunity::LISTED,
            pos::activity::LISTED,
            pos::ma::LISTED,
        ];
        assert!(groups.iter().all(|group| group.iter().all(|position| *position != usize::MAX)));
    }

    #[test]
    fn ids_and_rows_agree() {
        for kind in Kind::ALL {
            assert_eq!(kind.row(&kind.id(7)), Some(7));
            assert_eq!(Kind::named(kind.schema().name), Some(kind));
        }
        for strange in ["", "L", "L01001", "L-1", "L1000", "X1001", "L99999999999999999999", "L+1001"] {
            assert_eq!(Kind::Leads.row(strange), None, "{strange}");
        }
    }
}
