//! The sample data of the demo and the truth about it, made from one seed.
//!
//! The files in `samples/` are what this makes; the test fails when they differ. `scripts/make-samples` rewrites them.
//! Everything is invented: companies are 示例… or Example …, people 测试… or Test …, addresses end in `.example`.

#[cfg(test)]
mod cast;
#[cfg(test)]
mod crm;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod live;
#[cfg(test)]
mod places;
#[cfg(test)]
mod record;
#[cfg(test)]
mod spell;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod web;

#[cfg(test)]
use std::collections::BTreeMap;

/// All files by name.
#[cfg(test)]
fn make() -> BTreeMap<&'static str, Vec<u8>> {
    let cast = cast::Cast::new();
    let mut truth = truth::Truth::default();
    let mut files = BTreeMap::new();
    files.insert("web_forms.jsonl", web::make(&cast, &mut truth));
    files.insert("fair-2026.csv", tables::fair(&cast, &mut truth));
    files.insert("webinar.xlsx", tables::webinar(&cast, &mut truth));
    files.insert("webhook.jsonl", live::events(&cast, &mut truth));
    files.insert("ma_contacts.jsonl", live::ma_contacts(&cast, &mut truth));
    let seed = crm::Seed::new(&cast);
    files.insert("campaigns.csv", crm::campaigns());
    files.insert("people.csv", crm::people());
    files.insert("regions.csv", crm::regions());
    files.insert("truth.json", truth.print(&cast, &seed));
    files.insert("crm_seed.json", seed.print());
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_the_ones_made_here() {
        let folder = leadloop_testing::samples_dir();
        for (name, bytes) in make() {
            let path = folder.join(name);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&path, &bytes).unwrap();
            }
            let committed = std::fs::read(&path).unwrap_or_default();
            assert!(
                committed == bytes,
                "samples/{name} differs; run scripts/make-samples and look at the change"
            );
        }
    }

    #[test]
    fn two_runs_agree_to_the_byte() {
        assert!(make() == make());
    }
}
