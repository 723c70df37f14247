//! What is true of the files: how many records, whose, which of them twice, which of nobody.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cast::{Cast, Consent, Person, SOURCES};
use crate::crm::Seed;

#[derive(Default)]
pub(crate) struct Source {
    /// Bodies, rows or events that are sent, repetitions included.
    pub(crate) sent: usize,
    /// Bodies of which no record can be read.
    pub(crate) unreadable_bodies: usize,
    /// Records in the readable bodies.
    pub(crate) records: usize,
    /// Records that repeat an earlier one: the same event id, or the same content within minutes.
    pub(crate) duplicates: usize,
    /// Records to be quarantined, by reason; not among the duplicates.
    pub(crate) quarantined: BTreeMap<&'static str, usize>,
}

#[derive(Default)]
pub(crate) struct Truth {
    sources: BTreeMap<&'static str, Source>,
}

impl Truth {
    pub(crate) fn of(&mut self, source: &'static str) -> &mut Source {
        assert!(SOURCES.contains(&source));
        self.sources.entry(source).or_default()
    }

    pub(crate) fn print(&self, cast: &Cast, seed: &Seed) -> Vec<u8> {
        let sum = |part: fn(&Source) -> usize| self.sources.values().map(part).sum::<usize>();
        let quarantined = |source: &Source| source.quarantined.values().sum::<usize>();
        let consent = |which: Consent| cast.people.iter().filter(|person| person.consent == which).count();
        let records = sum(|source| source.records);
        let refused = self.sources.values().map(quarantined).sum::<usize>();
        let totals = json!({
            "records": records,
            "quarantined": refused,
            "duplicates": sum(|source| source.duplicates),
            "taken": records - refused - sum(|source| source.duplicates),
            "people": cast.people.len(),
            "people_in_several_sources": cast.people.iter().filter(|person| person.sources.len() > 1).count(),
            "consent_given": consent(Consent::Given),
            "consent_refused": consent(Consent::Refused),
            "consent_unknown": consent(Consent::Silent),
            "people_known_to_the_crm": cast.people.iter().filter(|person| seed.person(person).is_some()).count(),
            "people_of_companies_known_to_the_crm": cast.people.iter().filter(|person| seed.company(person).is_some()).count(),
        });
        let sources: serde_json::Map<String, Value> = SOURCES
            .iter()
            .map(|name| {
                let source = &self.sources[name];
                let value = json!({
                    "sent": source.sent,
                    "unreadable_bodies": source.unreadable_bodies,
                    "records": source.records,
                    "duplicates": source.duplicates,
                    "quarantined": source.quarantined,
                    "taken": source.records - source.duplicates - quarantined(source),
                    "people": cast.through(name, &mut crate::dice::Dice::new(0)).len(),
                });
                ((*name).to_owned(), value)
            })
            .collect();
        // One person a line, so that a change shows as a change of lines.
        let people: Vec<String> =
            cast.people.iter().map(|person| line(person, cast, seed).to_string()).collect();
        let head = json!({ "totals": totals, "sources": sources, "crm": seed.counts() });
        let head = serde_json::to_string_pretty(&head).unwrap();
        let head = head.strip_suffix("\n}").unwrap();
        format!("{head},\n  \"people\": [\n    {}\n  ]\n}}\n", people.join(",\n    ")).into_bytes()
    }
}

fn line(person: &Person, cast: &Cast, seed: &Seed) -> Value {
    json!({
        "name": person.name,
        "phone": person.phone.as_ref().map(crate::spell::Phone::e164),
        "email": person.email,
        "company": cast.company_of(person).name,
        "province": cast.company_of(person).place.province,
        "team": cast.company_of(person).place.team,
        "consent": match person.consent {
            Consent::Given => "given",
            Consent::Refused => "refused",
            Consent::Silent => "unknown",
        },
        "sources": person.sources.iter().map(|source| SOURCES[*source]).collect::<Vec<_>>(),
        "crm_person": seed.person(person),
        "crm_company": seed.company(person),
    })
}
