//! Steps as they are written, and the small readings behind them.

use std::collections::BTreeSet;

use leadloop_mapping::rule::Names;
use leadloop_mapping::schema::Length;
use leadloop_mapping::step::Step;
use leadloop_mapping::transform::{person, phone, text};
use leadloop_mapping::{FieldKind, FieldSchema, Ground, ObjectSchema, Purpose, Record, Rule, Value, compile};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Example {
    fields: Vec<Rule>,
}

/// The mapping of the example config, as it stands there.
const EXAMPLE: &str = r#"
fields = [
  { pool = "name",          crm = "name",         way = "both", wins = "newest" },
  { pool = "phone",         crm = "mobile",       way = "both", wins = "crm",  steps = ["cn_mobile"] },
  { pool = "company",       crm = "companyName",  way = "both", wins = "crm unless blank" },
  { pool = "industry",      crm = "industryId",   way = "to_crm", choose = { "制造业" = 1, "汽车" = 2, "医药" = 3 }, otherwise = 9 },
  { pool = "requirement",   crm = "comment",      way = "to_crm", max = 2000 },
  { pool = "first_channel", crm = "leadSourceId", way = "to_crm", choose = { "百度 SEM" = 3 }, otherwise = 9 },
  { fixed = "11010000000001", crm = "entityType", way = "to_crm" },
]
"#;

#[test]
fn the_example_mapping_compiles_and_makes_a_record() {
    let example: Example = toml::from_str(EXAMPLE).unwrap();
    let pool = ["name", "phone", "company", "industry", "requirement", "first_channel"]
        .iter()
        .fold(ObjectSchema::new("pool"), |pool, name| pool.field(*name, FieldSchema::of(FieldKind::Text)));
    let (crm, none) = (ObjectSchema::new("lead").open(), BTreeSet::new());
    let ground = Ground { pool: &pool, crm: &crm, zone: "Asia/Shanghai", filled: &none };
    let mapping = compile(&example.fields, ground).unwrap();
    let lead = Record::new()
        .with("name", "测试甲")
        .with("phone", "+8613912345678")
        .with("industry", "汽车")
        .with("first_channel", "展会")
        .with("requirement", "需".repeat(2500));
    let made = mapping.outward(&lead, Purpose::Create);
    assert!(made.refusals.is_empty(), "{:?}", made.refusals);
    assert_eq!(made.record.get("mobile"), Some(&Value::from("13912345678")));
    assert_eq!(made.record.get("industryId"), Some(&Value::Int(2)));
    assert_eq!(made.record.get("leadSourceId"), Some(&Value::Int(9)));
    assert_eq!(made.record.get("entityType"), Some(&Value::from("11010000000001")));
    assert_eq!(made.record.text("comment").map(|text| text.chars().count()), Some(2000));
    fn travels<T: Clone + Send + Sync + PartialEq + std::fmt::Debug>(_: &T) {}
    travels(&mapping);
    let lines = mapping.lines(&lead);
    assert_eq!(lines[3].name, "industry → industryId");
    assert_eq!(lines[3].from, [("industry".to_owned(), Value::from("汽车"))]);
    assert_eq!(lines[3].to, [("industryId".to_owned(), Value::Int(2))]);
    assert_eq!(lines[3].steps, [("choose".to_owned(), Some(Value::Int(2)))]);
    let phone = lines.iter().find(|line| line.fields == ["mobile"]).unwrap();
    assert_eq!(phone.steps.last().and_then(|(_, value)| value.clone()), Some(Value::from("13912345678")));
    // A step that refuses its value is the first that is missing.
    let wrong = mapping.lines(&Record::new().with("phone", "no number"));
    let phone = wrong.iter().find(|line| line.fields == ["mobile"]).unwrap();
    assert!(phone.refused.is_some() && phone.to.is_empty());
}

#[test]
fn every_step_is_read_as_it_is_written() {
    for written in [
        json!("trim"),
        json!("collapse"),
        json!("lower"),
        json!("upper"),
        json!("half_width"),
        json!("full_width"),
        json!("e164"),
        json!("cn_mobile"),
        json!("national_phone"),
        json!("name_parts"),
        json!("family_name"),
        json!("given_name"),
        json!("first"),
        json!("date"),
        json!("time"),
        json!("number"),
        json!({ "date": { "format": "%d.%m.%Y" } }),
        json!({ "time": { "zone": "UTC" } }),
        json!({ "epoch": "millis" }),
        json!({ "number": { "decimals": 2 } }),
        json!({ "join": ", " }),
        json!({ "split": ";" }),
        json!({ "template": "{name}" }),
        json!({ "truncate": { "bytes": 100, "mark": "…" } }),
        json!({ "default": 3 }),
        json!({ "blank_if": ["无"] }),
    ] {
        let step: Step = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&step).unwrap(), written);
        assert!(Step::NAMES.contains(&step.name()));
    }
    assert_eq!(
        Step::read("truncate", Some(&json!(80))).unwrap(),
        Step::Truncate { length: Length::chars(80), mark: String::new() }
    );
    assert_eq!(Step::read("split", None).unwrap(), Step::Split(";".to_owned()));
    let rule: Rule = toml::from_str(
        r#"pool = ["first_name", "last_name"]
        crm = "name"
        way = "to_pool""#,
    )
    .unwrap();
    assert_eq!(rule.pool, Names::Several(vec!["first_name".into(), "last_name".into()]));
}

#[test]
fn steps_that_cannot_be_read_say_what_was_meant() {
    let error = |name: &str, args: Option<serde_json::Value>| Step::read(name, args.as_ref()).unwrap_err();
    assert_eq!(error("trimm", None).suggestion.as_deref(), Some("trim"));
    assert_eq!(error("lowercase", None).suggestion.as_deref(), Some("lower"));
    assert_eq!(error("mobile", None).suggestion.as_deref(), Some("cn_mobile"));
    for (name, args) in [
        ("trim", Some(json!(1))),
        ("truncate", None),
        ("truncate", Some(json!(0))),
        ("truncate", Some(json!({ "bytes": 1, "chars": 2 }))),
        ("epoch", None),
        ("epoch", Some(json!("days"))),
        ("template", None),
        ("split", Some(json!(""))),
        ("default", Some(json!(""))),
        ("blank_if", Some(json!([]))),
        ("number", Some(json!({ "decimals": 99 }))),
        ("time", Some(json!({ "zon": "UTC" }))),
    ] {
        let error = error(name, args.clone());
        assert!(
            error.message.en.contains('`') || error.message.en.contains("length"),
            "{name} {args:?}: {error}"
        );
        assert!(!error.message.zh.is_ascii(), "{name} {args:?}");
    }
}

#[test]
fn names_are_taken_apart_and_put_together() {
    for (name, family, given) in [
        ("王伟", "王", "伟"),
        ("欧阳测试", "欧阳", "测试"),
        ("欧阳", "欧", "阳"),
        ("司马 光", "司马", "光"),
        ("李", "李", ""),
        ("张三丰", "张", "三丰"),
        ("買買提·艾力", "買買提·艾力", ""),
        ("张三 (Tom)", "张三 (Tom)", ""),
        ("Tom 张", "Tom 张", ""),
        ("김민준", "김", "민준"),
        ("Anna Muster", "Muster", "Anna"),
        ("Anna Maria Muster", "Muster", "Anna Maria"),
        ("Ludwig van Beispiel", "van Beispiel", "Ludwig"),
        ("Hans von der Muster", "von der Muster", "Hans"),
        ("John Muster Jr.", "Muster Jr.", "John"),
        ("Muster, Anna", "Muster", "Anna"),
        ("Muster", "Muster", ""),
        ("", "", ""),
        ("de Muster", "Muster", "de"),
        ("王总", "王", "总"),
    ] {
        assert_eq!(person::split(name), (family.to_owned(), given.to_owned()), "{name}");
        if !name.contains(',') && !name.contains(' ') {
            assert_eq!(person::join(family, given), name);
        }
    }
    assert_eq!(person::join("Muster", "Anna"), "Anna Muster");
    assert_eq!(person::join("王", "Tom"), "Tom 王");
}

#[test]
fn numbers_as_people_write_them() {
    let read = |text: &str| text::read_number(text).map(|number| number.normalize().to_string());
    for (written, number) in [
        ("12", "12"),
        ("-3.50", "-3.5"),
        ("1,200", "1200"),
        ("1,234,567.25", "1234567.25"),
        ("1 200", "1200"),
        ("￥３.5 万元", "35000"),
        ("2亿", "200000000"),
        ("US", ""),
        ("1,5", ""),
        ("1.200,50", ""),
        ("12,34", ""),
        ("", ""),
        ("万", ""),
        ("200人", "200"),
        ("1e3", "1000"),
        ("$ 10", "10"),
        ("1,200,30", ""),
        ("--1", ""),
    ] {
        assert_eq!(read(written), (!number.is_empty()).then(|| number.to_owned()), "{written}");
    }
}

#[test]
fn telephone_numbers() {
    assert_eq!(phone::cn_mobile("+8613912345678").as_deref(), Some("13912345678"));
    assert_eq!(phone::cn_mobile("139 1234 5678").as_deref(), Some("13912345678"));
    assert_eq!(phone::cn_mobile("+861065551234"), None);
    assert_eq!(phone::cn_mobile("+4930123456"), None);
    assert_eq!(phone::from_cn_mobile("86-139-1234-5678").as_deref(), Some("+8613912345678"));
    assert_eq!(phone::from_cn_mobile("010-65551234").as_deref(), Some("+861065551234"));
    assert_eq!(phone::from_cn_mobile("+49 30 123456").as_deref(), Some("+4930123456"));
    assert_eq!(phone::from_cn_mobile("没有"), None);
    assert_eq!(phone::e164("+8613912345678").as_deref(), Some("+8613912345678"));
    assert_eq!(phone::e164(&"1".repeat(5000)), None);
}

#[test]
fn lengths_are_counted_as_systems_count() {
    let text = "示例🤖ab";
    assert_eq!((Length::chars(9).of(text), Length::bytes(9).of(text)), (5, 12));
    let utf16 = Length::read(&json!({ "utf16": 4 })).unwrap();
    assert_eq!(utf16.of(text), 6);
    assert_eq!(utf16.cut(text, ""), "示例🤖");
    assert_eq!(Length::read(&json!({ "utf16": 3 })).unwrap().cut(text, ""), "示例");
    assert_eq!(Length::bytes(7).cut(text, ""), "示例");
    assert_eq!(Length::bytes(9).cut(text, "…"), "示例…");
    assert_eq!(Length::chars(1).cut(text, "……"), "示", "a mark longer than the room is left out");
    assert_eq!(Length::chars(3).cut("a  bcd", ""), "a", "no space hangs at the end");
}

#[test]
fn values_in_other_dresses_are_the_same() {
    let same = |kind: FieldKind, a: Value, b: Value| FieldSchema::of(kind).same(&a, &b);
    assert!(same(FieldKind::Text, Value::Null, "  ".into()));
    assert!(same(FieldKind::Text, "a\r\nb ".into(), "a\nb".into()));
    assert!(!same(FieldKind::Text, "a".into(), "A".into()));
    assert!(same(FieldKind::Real, Value::Real(1.5), "1.50".into()));
    assert!(same(FieldKind::Int, Value::Int(3), "3".into()));
    assert!(same(FieldKind::Bool, Value::Int(1), "true".into()));
    assert!(!same(FieldKind::Bool, Value::Bool(false), Value::Null), "no is not nothing");
    assert!(same(FieldKind::Time, "2026-11-23T08:00:00.000+0800".into(), "2026-11-23T00:00:00Z".into()));
    assert!(same(FieldKind::Time, "2026-11-23 00:00:00".into(), "2026-11-23T00:00:00+00:00".into()));
    assert!(!same(FieldKind::Time, "2026-11-23T00:00:00Z".into(), "2026-11-23T00:00:01Z".into()));
    assert!(same(FieldKind::Date, "2026-11-23".into(), "2026-11-23T00:00:00".into()));
    assert!(same(FieldKind::Picklists, "b;a".into(), Value::List(vec!["a".into(), "b".into()])));
    assert!(same(FieldKind::Ref, Value::Int(7), "7".into()));
    assert!(same(FieldKind::Any, Value::Int(7), "7".into()));
}

#[test]
fn values_are_read_as_they_were_written() {
    let list = Value::List(vec![Value::Null, Value::Int(-3), Value::from("a"), Value::List(Vec::new())]);
    for value in [
        Value::Null,
        true.into(),
        Value::Int(i64::MIN),
        Value::Real(0.5),
        Value::Real(2.0),
        "总\"".into(),
        list,
    ] {
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        assert_eq!(serde_json::from_value::<Value>(value.to_json()).unwrap(), value);
    }
    let read = |text: &str| serde_json::from_str::<Value>(text);
    assert_eq!(read("18446744073709551615").unwrap(), Value::Real(18_446_744_073_709_551_615.0));
    assert_eq!(read("\"a\\u0000b\"").unwrap(), Value::from("ab"), "no database keeps a NUL");
    assert!(read("{}").is_err() && read("1e999").is_err());
}
