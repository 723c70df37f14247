//! One record as somebody sends it: the person's words, spelled as people spell.

use crate::cast::{Cast, Consent, Person};
use crate::dice::Dice;
use crate::places::{CAMPAIGNS, NEEDS};
use crate::spell::{NO_ADDRESSES, NO_PHONES, address};

/// Fields in the pool's words; blank where the person left them out.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) email: String,
    pub(crate) company: String,
    pub(crate) title: String,
    pub(crate) province: String,
    pub(crate) industry: String,
    pub(crate) employees: String,
    pub(crate) requirement: String,
    pub(crate) consent: String,
    pub(crate) utm: Option<(&'static str, &'static str, &'static str, &'static str)>,
}

impl Record {
    pub(crate) fn of(person: &Person, cast: &Cast, dice: &mut Dice) -> Self {
        let company = cast.company_of(person);
        let place = company.place;
        // The one that tells who it is stands always; the other one not.
        let phone = person.phone.as_ref().filter(|_| person.by_phone || dice.percent(80));
        let email = person.email.as_ref().filter(|_| !person.by_phone || dice.percent(80));
        let language = |pair: (&'static str, &'static str)| if company.english { pair.1 } else { pair.0 };
        let mut record = Self {
            name: person.name.clone(),
            phone: phone.map_or_else(String::new, |phone| phone.written(dice)),
            email: email.map_or_else(String::new, |email| address(email, dice)),
            company: if dice.percent(70) { company.name.clone() } else { company.short.clone() },
            title: language(person.title).to_owned(),
            province: match dice.below(4) {
                0 => String::new(),
                1 if !company.english => place.full.to_owned(),
                _ if company.english => place.english.to_owned(),
                _ => place.province.to_owned(),
            },
            industry: if dice.percent(60) { company.trade.industry.to_owned() } else { String::new() },
            employees: if dice.percent(60) { company.employees.to_string() } else { String::new() },
            requirement: if dice.percent(65) {
                language(*dice.pick(&NEEDS)).to_owned()
            } else {
                String::new()
            },
            consent: match person.consent {
                Consent::Given => *dice.pick(&["given", "同意"]),
                Consent::Refused => *dice.pick(&["refused", "不同意"]),
                Consent::Silent => "",
            }
            .to_owned(),
            utm: dice.percent(55).then(|| *dice.pick(&CAMPAIGNS)),
        };
        // A phone nobody can dial is no loss where the mail says who it is.
        if !person.by_phone && record.phone.is_empty() && dice.percent(15) {
            record.phone = (*dice.pick(&NO_PHONES)).to_owned();
        }
        record
    }

    /// A record that says of nobody who it is, and why it cannot be taken.
    pub(crate) fn nobody(cast: &Cast, dice: &mut Dice) -> (Self, &'static str) {
        let mut record = Self::of(&cast.people[dice.below(cast.people.len())], cast, dice);
        record.name = format!("{} (?)", record.name);
        record.email.clear();
        record.phone.clear();
        let reason = match dice.below(3) {
            0 => "no_phone_and_no_email",
            1 => {
                record.phone = (*dice.pick(&NO_PHONES)).to_owned();
                "phone_unreadable"
            }
            _ => {
                record.phone = (*dice.pick(&NO_PHONES)).to_owned();
                record.email = (*dice.pick(&NO_ADDRESSES)).to_owned();
                "phone_and_email_unreadable"
            }
        };
        (record, reason)
    }
}

/// Fails where two good records are the same by chance: they would be counted as two and taken once.
pub(crate) fn assert_distinct<'a>(records: impl Iterator<Item = &'a Record>) {
    let records: Vec<&Record> = records.collect();
    for (i, record) in records.iter().enumerate() {
        assert!(!records[..i].contains(record), "{} says the same twice", record.name);
    }
}
