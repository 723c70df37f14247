//! Score models as rules: what gives how many points, and which version of a model it is.

use leadloop_mapping::expr::Expr;

use crate::time::Micros;

/// One score model.
#[derive(Clone, Debug)]
pub struct ScoreModel {
    /// Its name: `score.NAME`.
    pub name: String,
    /// Its version: a number made from all that decides about points. A changed model is a new version.
    pub version: u32,
    /// Least and most points.
    pub range: (i64, i64),
    /// Time in which touch points halve.
    pub half_life: Option<Micros>,
    /// Most points of touches in one day.
    pub cap_per_day: Option<i64>,
    /// Points for what the profile says.
    pub add: Vec<AttributeRule>,
    /// Points for touches.
    pub touches: Vec<TouchRule>,
    /// The points are sent by this MA or source: the latest number it sent is the score.
    pub from: Option<String>,
}

/// Points for what the profile says.
#[derive(Clone, Debug)]
pub struct AttributeRule {
    /// Points, may be negative.
    pub points: i64,
    /// When.
    pub when: Expr,
}

/// Points for a touch.
#[derive(Clone, Debug)]
pub struct TouchRule {
    /// Kind of touch.
    pub touch: String,
    /// Points.
    pub points: i64,
    /// Most points of this rule for one lead, before decay.
    pub at_most: Option<i64>,
    /// Only when.
    pub when: Option<Expr>,
    /// More points, computed.
    pub plus: Option<Expr>,
}

impl ScoreModel {
    /// The version that the model's rules make; never 0.
    #[must_use]
    pub fn version_of(&self) -> u32 {
        let mut hash = Hash::default();
        hash.add(&self.half_life.map_or(0, |length| length.0).to_string());
        hash.add(&self.cap_per_day.unwrap_or(0).to_string());
        hash.add(self.from.as_deref().unwrap_or_default());
        for rule in &self.add {
            hash.add("add");
            hash.add(&rule.points.to_string());
            hash.add(rule.when.text());
        }
        for rule in &self.touches {
            hash.add(&rule.key().to_string());
            hash.add(&rule.points.to_string());
            hash.add(&rule.at_most.unwrap_or(0).to_string());
        }
        hash.0.max(1)
    }

    /// Whether some rule for touches looks at more than the touch: at the lead, its company, or how long ago it was.
    /// What such a rule gave cannot be found again from the touch alone.
    #[must_use]
    pub fn looks_beyond(&self) -> bool {
        let beyond = |expr: &Option<Expr>| {
            let reads = expr.iter().flat_map(|expr| expr.reads());
            reads.into_iter().any(|name| !name.starts_with("touch.") || name == "touch.days_ago")
        };
        self.touches.iter().any(|rule| beyond(&rule.when) || beyond(&rule.plus))
    }

    /// Whether what a touch gives may depend on other touches.
    #[must_use]
    pub fn is_capped(&self) -> bool {
        self.from.is_none()
            && (self.cap_per_day.is_some() || self.touches.iter().any(|rule| rule.at_most.is_some()))
    }
}

impl TouchRule {
    /// What the rule is known by in the sums of a lead, however the rules are ordered: its touch and its conditions.
    #[must_use]
    pub fn key(&self) -> u32 {
        let mut hash = Hash::default();
        hash.add(&self.touch);
        for expr in [&self.when, &self.plus] {
            hash.add(expr.as_ref().map_or("", |expr| expr.text()));
        }
        hash.0
    }
}

/// FNV-1a with 32 bits: the same on every machine. It tells rules apart; it proves nothing.
struct Hash(u32);

impl Default for Hash {
    fn default() -> Self {
        Hash(0x811C_9DC5)
    }
}

impl Hash {
    fn add(&mut self, part: &str) {
        for byte in part.bytes().chain([0xFF]) {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
}
