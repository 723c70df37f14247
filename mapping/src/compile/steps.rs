//! The steps of a rule, looked up and tried against both ends: kinds, options, lengths, and the way back.

use jiff::tz::TimeZone;

use super::problem::{MapProblem, MapProblemKind as Kind, Part};
use super::shape::Shape;
use super::{Checker, ObjectSchema};
use crate::expr::nearest;
use crate::rule::{Rule, Unknown, Way};
use crate::schema::{FieldKind, FieldSchema, Fitted, Misfit};
use crate::step::{Step, TimeStyle};
use crate::transform::template::Template;
use crate::transform::{Choose, Op, clock};
use crate::value::Value;

/// Both directions of a rule; `raw` says that a step writes the target's own format.
pub(super) struct Pipes {
    pub(super) outward: Vec<Op>,
    pub(super) inward: Vec<Op>,
    pub(super) raw_out: bool,
    pub(super) raw_in: bool,
}

type Ends = [(String, FieldSchema)];

impl Checker<'_> {
    /// The ways of `rule`; `None` where there is a problem.
    pub(super) fn pipes(&mut self, rule: &Rule, pool: &Ends, crm: &Ends) -> Option<Pipes> {
        let known = self.problems.len();
        let (from, to) = if rule.way == Way::ToPool { (crm, pool) } else { (pool, crm) };
        let source = if rule.way == Way::ToPool { self.ground.crm } else { self.ground.pool };
        let along = self.along(rule, from, to, source);
        self.covers(rule, from, to);
        if self.problems.len() > known {
            return None;
        }
        let back = if rule.way == Way::Both { self.back(&along, rule, pool, crm) } else { Vec::new() };
        if self.problems.len() > known {
            return None;
        }
        let raw =
            along.iter().any(|op| matches!(op, Op::WriteDate { .. } | Op::WriteTime { .. } | Op::ToEpoch(_)));
        Some(match rule.way {
            Way::ToPool => Pipes { outward: Vec::new(), inward: along, raw_out: false, raw_in: raw },
            _ => Pipes { outward: along, inward: back, raw_out: raw, raw_in: false },
        })
    }

    /// The steps in the direction they are written.
    fn along(&mut self, rule: &Rule, from: &Ends, to: &Ends, source: &ObjectSchema) -> Vec<Op> {
        let mut ops = Vec::new();
        let mut shape = match from {
            [(_, only)] => Shape::of(only.kind),
            _ => Shape::List,
        };
        for (place, step) in rule.steps.iter().enumerate() {
            let Some(op) = self.op(step, place, source) else { continue };
            // Family and given name, written into one field: the other way round.
            let op = match op {
                Op::NameSplit if from.len() == 2 => Op::NameJoin,
                op => op,
            };
            match shape.after(&op) {
                Some(next) => shape = next,
                None => {
                    let (en, zh) = shape.words();
                    self.problems.push(self.problem(
                        Part::Step(place),
                        Kind::Step,
                        format!("`{}` cannot take {en}", step.name()),
                        format!("`{}` 不能处理{zh}", step.name()),
                    ));
                    shape = Shape::Any;
                }
            }
            ops.push(op);
        }
        if !rule.choose.is_empty() {
            self.chosen(rule, to);
            let table =
                rule.choose.iter().map(|(key, value)| (key.trim().to_owned(), value.clone())).collect();
            let (otherwise, unknown) = (rule.otherwise.clone(), rule.unknown);
            ops.push(Op::Choose(Choose { table, otherwise, unknown, stands_for_all: None }));
            shape = Shape::Any;
        }
        if let Some(max) = rule.max {
            self.not_longer(rule, to);
            ops.push(Op::Truncate(max, String::new()));
        }
        let known = self.problems.len();
        self.arrives(shape, from.len(), to);
        if self.problems.len() == known && rule.choose.is_empty() && to.len() == 1 && from.len() == 1 {
            self.free_text(rule, from, to);
        }
        ops
    }

    fn op(&mut self, step: &Step, place: usize, source: &ObjectSchema) -> Option<Op> {
        Some(match step {
            Step::Trim => Op::Trim,
            Step::Collapse => Op::Collapse,
            Step::Lower => Op::Lower,
            Step::Upper => Op::Upper,
            Step::HalfWidth => Op::HalfWidth,
            Step::FullWidth => Op::FullWidth,
            Step::E164 => Op::E164,
            Step::CnMobile => Op::CnMobile,
            Step::NationalPhone => Op::NationalPhone,
            Step::NameParts => Op::NameSplit,
            Step::FamilyName => Op::FamilyName,
            Step::GivenName => Op::GivenName,
            Step::Date(style) => {
                let (format, zone) = self.style(style, place, "%Y-%m-%d", false)?;
                Op::WriteDate { format, zone }
            }
            Step::Time(style) => {
                let (format, zone) = self.style(style, place, "%Y-%m-%d %H:%M:%S", true)?;
                Op::WriteTime { format, zone }
            }
            Step::Epoch(unit) => Op::ToEpoch(*unit),
            Step::Number { decimals } => Op::Number(*decimals),
            Step::Join(between) => Op::Join(between.clone()),
            Step::Split(at) => Op::Split(at.clone()),
            Step::First => Op::First,
            Step::Template(text) => Op::Template(self.template(text, place, source)?),
            Step::Truncate { length, mark } => Op::Truncate(*length, mark.clone()),
            Step::Default(value) => Op::Default(value.clone()),
            Step::BlankIf(values) => Op::BlankIf(values.clone()),
        })
    }

    fn style(
        &mut self,
        style: &TimeStyle,
        place: usize,
        usual: &str,
        time: bool,
    ) -> Option<(String, TimeZone)> {
        let name = style.zone.as_deref().unwrap_or(self.ground.zone);
        let Some(zone) = clock::zone(name) else {
            let (en, zh) = (format!("there is no time zone `{name}`"), format!("没有时区 `{name}`"));
            let problem = self
                .problem(Part::Step(place), Kind::Step, en, zh)
                .help("write it like \"Asia/Shanghai\"", "请写成 \"Asia/Shanghai\" 的形式");
            self.problems.push(problem);
            return None;
        };
        let format = style.format.as_deref().unwrap_or(usual);
        if !clock::is_format(format, time) {
            let (en, zh) = (
                format!(
                    "`{format}` cannot be written and read back as a {}",
                    if time { "time" } else { "date" }
                ),
                format!("格式 `{format}` 无法写出并读回{}", if time { "时间" } else { "日期" }),
            );
            let problem = self
                .problem(Part::Step(place), Kind::Step, en, zh)
                .help("write it like \"%Y-%m-%d %H:%M:%S\"", "请写成 \"%Y-%m-%d %H:%M:%S\" 的形式");
            self.problems.push(problem);
            return None;
        }
        Some((format.to_owned(), zone))
    }

    fn template(&mut self, text: &str, place: usize, source: &ObjectSchema) -> Option<Template> {
        let template = match Template::read(text) {
            Ok(template) => template,
            Err(at) => {
                self.problems.push(self.problem(
                    Part::Step(place),
                    Kind::Step,
                    format!("a brace of the template has no partner (byte {at})"),
                    format!("模板中的花括号不成对（第 {at} 字节）"),
                ));
                return None;
            }
        };
        let unknown: Vec<&str> = template.fields().filter(|field| source.get(field).is_none()).collect();
        for field in &unknown {
            let near = nearest(field, source.fields.keys().map(String::as_str));
            let problem = self
                .problem(
                    Part::Step(place),
                    Kind::Step,
                    format!("`{field}` is not a field of `{}`", source.name),
                    format!("`{}` 没有字段 `{field}`", source.name),
                )
                .suggest(near);
            self.problems.push(problem);
        }
        unknown.is_empty().then_some(template)
    }

    /// Whether what comes out of the steps is what the target takes.
    fn arrives(&mut self, shape: Shape, sources: usize, to: &Ends) {
        let [(name, only)] = to else {
            if shape != Shape::List && shape != Shape::Any {
                let (en, zh) = ("one value cannot fill several fields", "一个值不能填写多个字段");
                let problem = self.problem(Part::Rule, Kind::WrongType, en, zh);
                self.problems.push(problem.help(
                    "add a step that makes several of it: `name_parts`, `split`",
                    "请加能拆成多个值的步骤：`name_parts`、`split`",
                ));
            }
            return;
        };
        if let Some(help) = shape.misfit(only.kind) {
            let (en, zh) = if sources > 1 { ("several values", "多个值") } else { shape.words() };
            let kind = only.kind.as_str();
            let mut problem = self.problem(
                Part::Rule,
                Kind::WrongType,
                format!("{en} would arrive at `{name}`, which takes `{kind}`"),
                format!("到达 `{name}` 的是{zh}，而它的类型是 `{kind}`"),
            );
            problem.help = Some(help);
            self.problems.push(problem);
        }
    }

    /// A field with fixed options, fed by whatever stands in the pool.
    fn free_text(&mut self, rule: &Rule, from: &Ends, to: &Ends) {
        let ([(_, source)], [(name, target)]) = (from, to) else { return };
        let choice = matches!(target.kind, FieldKind::Picklist | FieldKind::Picklists);
        if !choice || target.options.is_empty() || !rule.steps.iter().all(|step| matches!(step, Step::Trim)) {
            return;
        }
        if source.options.is_empty() {
            if matches!(Shape::of(source.kind), Shape::Text) {
                let (en, zh) = (
                    format!("`{name}` takes only certain values, and any text may come"),
                    format!("`{name}` 只接受固定选项，而来源是任意文本"),
                );
                let problem = self
                    .problem(Part::Rule, Kind::NotCovered, en, zh)
                    .help("add `choose = { … }` and `otherwise`", "请添加 `choose = { … }` 和 `otherwise`");
                self.problems.push(problem);
            }
            return;
        }
        let missing: Vec<String> = source
            .options
            .iter()
            .filter(|option| target.accept((*option).clone()).is_err())
            .map(Value::to_display)
            .collect();
        if !missing.is_empty() {
            self.not_covered(name, &missing);
        }
    }

    fn not_covered(&mut self, name: &str, missing: &[String]) {
        let listed = missing.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        let problem = self
            .problem(
                Part::Rule,
                Kind::NotCovered,
                format!("`{name}` has nothing for: {listed}"),
                format!("`{name}` 没有对应的取值：{listed}"),
            )
            .help("add them to `choose`, or say `otherwise`", "请补充到 `choose`，或写明 `otherwise`");
        self.problems.push(problem);
    }

    /// The values of `choose` against the target's options and kind.
    fn chosen(&mut self, rule: &Rule, to: &Ends) {
        let [(_, target)] = to else { return };
        for (key, value) in &rule.choose {
            let _ = self.fits(target, value, Part::Choose(key.clone()));
        }
        if let Some(otherwise) = &rule.otherwise {
            let _ = self.fits(target, otherwise, Part::Otherwise);
        }
    }

    /// `value` as `target` takes it, or a problem at `part`.
    pub(super) fn fits(&mut self, target: &FieldSchema, value: &Value, part: Part) -> Option<Fitted> {
        match target.accept(value.clone()) {
            Ok(fitted) => Some(fitted),
            Err(misfit) => {
                let shown = value.to_display();
                let (kind, en, zh) = match misfit {
                    Misfit::Option => (
                        Kind::NotAnOption,
                        format!("`{shown}` is not an option of the field"),
                        format!("该字段没有选项 `{shown}`"),
                    ),
                    Misfit::Kind(kind) => (
                        Kind::WrongType,
                        format!("`{shown}` is not what the field takes (`{}`)", kind.as_str()),
                        format!("`{shown}` 不符合字段类型（`{}`）", kind.as_str()),
                    ),
                    Misfit::Length(..) => (
                        Kind::TooLong,
                        format!("`{shown}` is longer than the field takes"),
                        format!("`{shown}` 超出字段长度"),
                    ),
                };
                let options: Vec<String> = target.options.iter().map(Value::to_display).collect();
                let near = nearest(&shown, options.iter().map(String::as_str)).map(str::to_owned);
                let mut problem = self.problem(part, kind, en, zh);
                if kind == Kind::NotAnOption {
                    let listed = options.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
                    problem = problem.help(format!("possible: {listed}"), format!("可用：{listed}"));
                }
                self.problems.push(problem.suggest(near.as_deref()));
                None
            }
        }
    }

    /// Where the source's values are known, `choose` must cover them or say what else.
    fn covers(&mut self, rule: &Rule, from: &Ends, to: &Ends) {
        let ([(_, source)], [(name, _)]) = (from, to) else { return };
        if rule.choose.is_empty() || source.options.is_empty() {
            return;
        }
        let known: Vec<String> = source.options.iter().map(Value::to_display).collect();
        for key in rule.choose.keys().filter(|key| !known.iter().any(|option| option == key.trim())) {
            let problem: MapProblem = self
                .problem(
                    Part::Choose(key.clone()),
                    Kind::NotAnOption,
                    format!("`{key}` is not a value that can come"),
                    format!("来源没有取值 `{key}`"),
                )
                .suggest(nearest(key, known.iter().map(String::as_str)));
            self.problems.push(problem);
        }
        if rule.otherwise.is_none() && rule.unknown == Unknown::Ask {
            let missing: Vec<String> =
                known.into_iter().filter(|option| !rule.choose.contains_key(option)).collect();
            if !missing.is_empty() {
                self.not_covered(name, &missing);
            }
        }
    }

    fn not_longer(&mut self, rule: &Rule, to: &Ends) {
        for (name, target) in to {
            let (Some(max), Some(most)) = (rule.max, target.max) else { continue };
            if max.unit == most.unit && max.most > most.most {
                let (unit, most) = (most.unit.as_str(), most.most);
                self.problems.push(
                    self.problem(
                        Part::Max,
                        Kind::TooLong,
                        format!("`{name}` takes at most {most} {unit}"),
                        format!("`{name}` 最多 {most}（{unit}）"),
                    )
                    .suggest(Some(&most.to_string())),
                );
            }
        }
    }

    /// The steps backwards.
    fn back(&mut self, along: &[Op], rule: &Rule, pool: &Ends, crm: &Ends) -> Vec<Op> {
        let date = matches!(pool, [(_, only)] if only.kind == FieldKind::Date);
        let mut ops = Vec::new();
        let mut shape = match crm {
            [(_, only)] => Shape::of(only.kind),
            _ => Shape::List,
        };
        for (place, op) in along.iter().enumerate().rev() {
            let Some(inverse) = op.inverse(date) else {
                let problem = self.no_way_back(op, place, rule);
                self.problems.push(problem);
                continue;
            };
            shape = shape.after(&inverse).unwrap_or(Shape::Any);
            ops.push(inverse);
        }
        if let ([(name, only)], Some(help)) =
            (pool, pool.first().and_then(|(_, only)| shape.misfit(only.kind)))
        {
            let ((en, zh), kind) = (shape.words(), only.kind.as_str());
            let mut problem = self.problem(
                Part::Rule,
                Kind::WrongType,
                format!("on the way back {en} would arrive at `{name}`, which takes `{kind}`"),
                format!("回写时到达 `{name}` 的是{zh}，而它的类型是 `{kind}`"),
            );
            problem.help = Some(help);
            self.problems.push(problem);
        }
        ops
    }

    fn no_way_back(&self, op: &Op, place: usize, rule: &Rule) -> MapProblem {
        if let Op::Choose(_) = op {
            let (en, zh) = (
                "two values of `choose` become one, so the way back is not clear",
                "`choose` 中两个取值对应同一个值，无法反向转换",
            );
            return self.problem(Part::Rule, Kind::Ambiguous, en, zh).help(
                "write way = \"to_crm\", or give each its own value",
                "请写 way = \"to_crm\"，或使取值一一对应",
            );
        }
        let step = rule.steps.get(place).map_or("", Step::name);
        self.problem(
            Part::Step(place),
            Kind::OneWayStep,
            format!("`{step}` cannot be undone, and the rule goes both ways"),
            format!("`{step}` 无法反向执行，而规则是双向的"),
        )
        .help("write way = \"to_crm\" or \"from_crm\"", "请写 way = \"to_crm\" 或 \"from_crm\"")
    }
}
