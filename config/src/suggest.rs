//! Did you mean: the nearest known name.

/// The known name nearest to what was written, where one is near enough.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .filter(|name| !name.is_empty())
        .map(|name| (strsim::damerau_levenshtein(&written, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            let length = name.chars().count().max(written.chars().count());
            *distance <= (length / 3).max(1) && *distance < length
        })
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}

/// The section that is meant by a word people use for it.
#[must_use]
pub fn section(written: &str) -> Option<&'static str> {
    Some(match written.to_lowercase().trim_end_matches('s') {
        "database" | "db" | "storage" | "postgre" | "sqlite" => "store",
        "http" | "listen" | "web" => "server",
        "input" | "form" | "webhook" | "lead" => "source",
        "dedup" | "oneid" | "one_id" => "identity",
        "gdpr" | "privacy" => "consent",
        "utm" | "channel" => "campaign",
        "field" | "map" => "mapping",
        "scoring" | "score_model" => "score",
        "qualification" => "mql",
        "rule" | "routing_rule" | "assignment" | "handover" => "transfer",
        "user" | "salespeople" | "person" | "employee" => "people",
        "holiday" | "absence" | "vacation" => "leave",
        "group" => "team",
        "routing" | "region" => "route",
        "answer" | "tag" => "feedback",
        "email" | "mail" | "smtp" | "alert" | "notification" => "notify",
        "marketing" | "automation" => "ma",
        "segment" | "nurture" => "track",
        "example" => "test",
        "general" | "global" | "main" => "leadloop",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_enough_is_a_slip_of_the_hand() {
        let names = ["touch", "channel", "name"];
        assert_eq!(nearest("touhc", names.into_iter()), Some("touch"));
        assert_eq!(nearest("Chanel", names.into_iter()), Some("channel"));
        assert_eq!(nearest("database", names.into_iter()), None);
        assert_eq!(nearest("x", ["a"].into_iter()), None, "one letter is no slip of another");
    }

    #[test]
    fn words_people_use_lead_to_sections_there_are() {
        for word in
            ["Database", "users", "holidays", "smtp", "rules", "regions", "utm", "examples", "marketing"]
        {
            let section = section(word).unwrap();
            assert!(crate::spec::section(section).is_some(), "{word} leads to {section}");
        }
    }
}
