//! Rules and the two schemas become a [`Mapping`], or every problem at once.
//!
//! Whatever can be known before a lead arrives is found here: fields, types, lengths, options, steps that cannot be run
//! backwards. What is left for [`crate::apply`] are single values that do not keep to their type.

mod problem;
mod shape;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::nearest;
use crate::rule::{Blank, Names, Rule, Way, Wins};
use crate::schema::{FieldKind, FieldSchema, ObjectSchema};
use crate::transform::Op;
use crate::value::Value;
pub use problem::{MapProblem, MapProblemKind, Part};
use steps::Pipes;

/// What rules are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The pool's fields.
    pub pool: &'a ObjectSchema,
    /// The remote object's fields.
    pub crm: &'a ObjectSchema,
    /// The product's time zone, for steps that name none (IANA).
    pub zone: &'a str,
    /// Remote fields that something else than a rule fills (owner, status, mark).
    pub filled: &'a BTreeSet<String>,
}

/// Checked rules between the pool's words and one remote object's words. Only [`compile`] makes one.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(crate) object: String,
    pub(crate) rules: Vec<Compiled>,
    /// The remote object's schema, for comparing.
    pub(crate) crm: ObjectSchema,
    source: Vec<Rule>,
    zone: String,
}

/// Two mappings are equal where they were made of the same rules for the same remote object.
impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.zone == other.zone && self.crm == other.crm
    }
}

/// A rule, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) pool: Vec<Field>,
    pub(crate) crm: Vec<Field>,
    pub(crate) way: Way,
    pub(crate) wins: Wins,
    pub(crate) blank: Blank,
    pub(crate) once: bool,
    pub(crate) fixed: Option<Value>,
    pub(crate) outward: Vec<Op>,
    pub(crate) inward: Vec<Op>,
}

/// A field with what it accepts at the end of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) accepts: FieldSchema,
    /// How its values are compared.
    pub(crate) compares: FieldSchema,
}

impl Mapping {
    /// The remote object's name.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules as they were written.
    #[must_use]
    pub fn source(&self) -> &[Rule] {
        &self.source
    }

    /// What rule `at` is called (`industry → industryId`).
    #[must_use]
    pub fn name(&self, at: usize) -> Option<&str> {
        self.rules.get(at).map(|rule| rule.name.as_str())
    }

    /// The remote fields it writes or reads, in name order: what to ask the CRM for.
    #[must_use]
    pub fn crm_fields(&self) -> BTreeSet<&str> {
        self.rules.iter().flat_map(|rule| rule.crm.iter().map(|field| field.name.as_str())).collect()
    }

    /// The pool fields it writes or reads.
    #[must_use]
    pub fn pool_fields(&self) -> BTreeSet<&str> {
        self.rules.iter().flat_map(|rule| rule.pool.iter().map(|field| field.name.as_str())).collect()
    }
}

/// Checks and compiles `rules`.
///
/// # Errors
/// All problems, in the order of the rules.
pub fn compile(rules: &[Rule], ground: Ground) -> Result<Mapping, Vec<MapProblem>> {
    let mut checker = Checker { ground, at: 0, name: String::new(), problems: Vec::new() };
    let mut compiled = Vec::new();
    let mut crm_writers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pool_writers: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, rule) in rules.iter().enumerate() {
        checker.at = at;
        checker.name = rule.to_string();
        if rule.way != Way::ToPool {
            checker.filled_once(rule.crm.list(), &mut crm_writers, rules, Part::Crm);
        }
        if rule.way != Way::ToCrm {
            checker.filled_once(rule.pool.list(), &mut pool_writers, rules, Part::Pool);
        }
        compiled.extend(checker.rule(rule));
    }
    checker.required(rules);
    if !checker.problems.is_empty() {
        return Err(checker.problems);
    }
    Ok(Mapping {
        object: ground.crm.name.clone(),
        rules: compiled,
        crm: ground.crm.clone(),
        source: rules.to_vec(),
        zone: ground.zone.to_owned(),
    })
}

pub(super) struct Checker<'g> {
    ground: Ground<'g>,
    at: usize,
    name: String,
    problems: Vec<MapProblem>,
}

impl Checker<'_> {
    fn problem(
        &self,
        part: Part,
        kind: MapProblemKind,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> MapProblem {
        MapProblem {
            rule: Some(self.at),
            name: self.name.clone(),
            part,
            kind,
            message: crate::expr::Words::new(en, zh),
            help: None,
            suggestion: None,
        }
    }

    fn filled_once<'r>(
        &mut self,
        fields: &'r [String],
        writers: &mut BTreeMap<&'r str, usize>,
        rules: &[Rule],
        part: fn(usize) -> Part,
    ) {
        for (place, field) in fields.iter().enumerate() {
            let Some(first) = writers.insert(field, self.at) else { continue };
            let other = rules.get(first).map(Rule::to_string).unwrap_or_default();
            self.problems.push(self.problem(
                part(place),
                MapProblemKind::FilledTwice,
                format!("`{field}` is filled by `{other}` already"),
                format!("`{field}` 已由 `{other}` 填写"),
            ));
        }
    }

    fn rule(&mut self, rule: &Rule) -> Option<Compiled> {
        let known = self.problems.len();
        self.form(rule);
        let pool = self.fields(&rule.pool, self.ground.pool, MapProblemKind::UnknownPoolField, Part::Pool);
        let crm = self.fields(&rule.crm, self.ground.crm, MapProblemKind::UnknownCrmField, Part::Crm);
        if rule.way != Way::ToPool {
            self.writable(&crm);
        }
        if self.problems.len() > known {
            return None;
        }
        if let Some(fixed) = &rule.fixed {
            return self.fixed(rule, fixed, crm);
        }
        let pipes = self.pipes(rule, &pool, &crm)?;
        let Pipes { outward, inward, raw_out, raw_in } = pipes;
        let field = |(name, schema): (String, FieldSchema), raw: bool| Field {
            name,
            // A step wrote it just as the system wants it.
            accepts: if raw {
                FieldSchema { kind: FieldKind::Any, ..schema.clone() }
            } else {
                schema.clone()
            },
            compares: schema,
        };
        Some(Compiled {
            name: self.name.clone(),
            pool: pool.into_iter().map(|named| field(named, raw_in)).collect(),
            crm: crm.into_iter().map(|named| field(named, raw_out)).collect(),
            way: rule.way,
            wins: rule.wins.unwrap_or_default(),
            blank: rule.blank,
            once: rule.once,
            fixed: None,
            outward,
            inward,
        })
    }

    /// What can be said without looking at any field.
    fn form(&mut self, rule: &Rule) {
        let mut wrong = |part: Part, en: &str, zh: &str| {
            let problem = self.problem(part, MapProblemKind::Shape, en, zh);
            self.problems.push(problem);
        };
        if rule.crm.list().is_empty() {
            wrong(Part::Rule, "the rule names no field of the CRM", "规则没有写 CRM 字段");
        }
        match (&rule.fixed, rule.pool.list().is_empty()) {
            (None, true) => wrong(
                Part::Rule,
                "the rule names neither a pool field nor a fixed value",
                "规则既没有线索池字段，也没有固定值",
            ),
            (Some(_), false) => {
                wrong(Part::Fixed, "a fixed value needs no pool field", "固定值不需要线索池字段")
            }
            _ => {}
        }
        if rule.fixed.is_some() && rule.way != Way::ToCrm {
            wrong(Part::Way, "a fixed value goes to the CRM only", "固定值只能写入 CRM");
        }
        if rule.fixed.as_ref().is_some_and(Value::is_blank) {
            wrong(Part::Fixed, "the fixed value is blank", "固定值为空");
        }
        let plain = rule.steps.is_empty() && rule.choose.is_empty() && rule.max.is_none();
        if rule.fixed.is_some() && !plain {
            wrong(
                Part::Fixed,
                "a fixed value takes no steps: write it as it shall arrive",
                "固定值不带步骤：请直接写最终的值",
            );
        }
        if rule.wins.is_some() && rule.way != Way::Both {
            wrong(Part::Wins, "`wins` is only for rules that go both ways", "`wins` 只用于双向规则");
        }
        if rule.once && rule.way != Way::ToCrm {
            wrong(Part::Once, "`once` is only for rules that go to the CRM", "`once` 只用于写入 CRM 的规则");
        }
        if rule.otherwise.is_some() && rule.choose.is_empty() {
            wrong(Part::Otherwise, "`otherwise` needs `choose` before it", "`otherwise` 需要先写 `choose`");
        }
    }

    fn fields(
        &mut self,
        names: &Names,
        object: &ObjectSchema,
        kind: MapProblemKind,
        part: fn(usize) -> Part,
    ) -> Vec<(String, FieldSchema)> {
        let mut fields = Vec::new();
        for (place, name) in names.list().iter().enumerate() {
            if let Some(schema) = object.get(name) {
                fields.push((name.clone(), schema));
                continue;
            }
            let near = nearest(name, object.fields.keys().map(String::as_str));
            let problem = self
                .problem(
                    part(place),
                    kind,
                    format!("`{name}` is not a field of `{}`", object.name),
                    format!("`{}` 没有字段 `{name}`", object.name),
                )
                .suggest(near);
            self.problems.push(problem);
        }
        fields
    }

    fn writable(&mut self, fields: &[(String, FieldSchema)]) {
        for (place, (name, schema)) in fields.iter().enumerate() {
            if !schema.writable {
                let problem = self
                    .problem(
                        Part::Crm(place),
                        MapProblemKind::ReadOnly,
                        format!("`{name}` cannot be written by us"),
                        format!("`{name}` 不允许写入"),
                    )
                    .help(
                        "read it with way = \"from_crm\", or ask the CRM's administrator for the permission",
                        "只读取请写 way = \"from_crm\"，或请 CRM 管理员开放权限",
                    );
                self.problems.push(problem);
            }
        }
    }

    fn fixed(&mut self, rule: &Rule, fixed: &Value, crm: Vec<(String, FieldSchema)>) -> Option<Compiled> {
        let [(name, schema)] = crm.as_slice() else {
            let (en, zh) = ("a fixed value fills one field", "固定值只填写一个字段");
            self.problems.push(self.problem(Part::Fixed, MapProblemKind::Shape, en, zh));
            return None;
        };
        let (value, cut) = self.fits(schema, fixed, Part::Fixed)?;
        if cut.is_some() {
            let (en, zh) = ("the fixed value is longer than the field takes", "固定值超出字段长度");
            self.problems.push(self.problem(Part::Fixed, MapProblemKind::TooLong, en, zh));
            return None;
        }
        let field = Field { name: name.clone(), accepts: schema.clone(), compares: schema.clone() };
        Some(Compiled {
            name: self.name.clone(),
            pool: Vec::new(),
            crm: vec![field],
            way: Way::ToCrm,
            wins: Wins::default(),
            blank: rule.blank,
            once: true,
            fixed: Some(value),
            outward: Vec::new(),
            inward: Vec::new(),
        })
    }

    /// Required fields that nothing fills.
    fn required(&mut self, rules: &[Rule]) {
        let filled: BTreeSet<&String> =
            rules.iter().filter(|rule| rule.way != Way::ToPool).flat_map(|rule| rule.crm.list()).collect();
        for (name, schema) in &self.ground.crm.fields {
            if !schema.required
                || !schema.writable
                || filled.contains(name)
                || self.ground.filled.contains(name)
            {
                continue;
            }
            let mut problem = self
                .problem(
                    Part::Rule,
                    MapProblemKind::RequiredUnmapped,
                    format!(
                        "`{}` cannot be made without `{name}`, and no rule fills it",
                        self.ground.crm.name
                    ),
                    format!("创建 `{}` 必须填写 `{name}`，但没有规则填写它", self.ground.crm.name),
                )
                .help(
                    format!("add a rule, such as {{ fixed = \"…\", crm = \"{name}\" }}"),
                    format!("请添加规则，例如 {{ fixed = \"…\", crm = \"{name}\" }}"),
                );
            problem.rule = None;
            problem.name.clone_from(name);
            self.problems.push(problem);
        }
    }
}
