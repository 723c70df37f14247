//! Figures: printed beside what they are measured against, their goal and the saved baseline.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the baseline stands.
const BASELINE: &str = "benches/road/baseline.json";

/// Every figure of a run that is compared with the baseline, by name.
#[derive(Default)]
pub struct Figures {
    found: BTreeMap<String, f64>,
    before: Option<BTreeMap<String, f64>>,
}

/// The middle one; the lower of two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Short, with as many digits as tell something.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn baseline() -> PathBuf {
    leadloop_testing::root().join(BASELINE)
}

impl Figures {
    fn before(&mut self, name: &str) -> String {
        let before = self.before.get_or_insert_with(|| {
            let text = std::fs::read_to_string(baseline()).unwrap_or_default();
            serde_json::from_str(&text).unwrap_or_default()
        });
        before.get(name).map_or_else(String::new, |value| format!("(baseline {})", short(*value)))
    }

    /// A figure of ours beside the reference's, and their ratio, which goes into the baseline.
    pub fn beside(
        &mut self,
        engine: &str,
        name: &str,
        unit: &str,
        ours: Vec<f64>,
        theirs: Vec<f64>,
        goal: &str,
    ) {
        // Rounds stand side by side, so what the machine did meanwhile hits both of a pair.
        let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        let (ours, theirs, ratio) = (median(ours), median(theirs), median(ratios));
        let key = format!("{engine}: {name}");
        let before = self.before(&key);
        println!(
            "  {name:<44} {:>9} {unit:<5} reference {:>9}   ratio {:>6}  {goal:<16} {before}",
            short(ours),
            short(theirs),
            short(ratio)
        );
        self.found.insert(key, ratio);
    }

    /// A figure with nothing beside it.
    pub fn alone(&mut self, engine: &str, name: &str, unit: &str, value: f64, goal: &str) {
        let key = format!("{engine}: {name}");
        let before = self.before(&key);
        println!("  {name:<44} {:>9} {unit:<5} {goal:<47} {before}", short(value));
        self.found.insert(key, value);
    }

    /// Saves the figures as the new baseline, beside those that this run did not measure.
    pub fn finish(mut self, save: bool) {
        if !save {
            return;
        }
        self.before("");
        let mut all = self.before.unwrap_or_default();
        all.extend(self.found);
        let text = serde_json::to_string_pretty(&all).expect("numbers are JSON") + "\n";
        std::fs::write(baseline(), text).expect("the baseline can be written");
        println!("\nsaved in {BASELINE}");
    }
}
