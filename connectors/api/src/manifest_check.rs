//! A manifest's own mistakes, all at once. Run by the conformance test over every connector; nothing at run time asks.

use std::collections::BTreeSet;

use leadloop_sync_core::mirror::Roles;

use crate::manifest::{Auth, Manifest, Meaning, Object, Setting, SystemKind};
use crate::settings::value_of;

const OPERATIONS: [&str; 9] =
    ["check", "describe", "prepare", "find", "create", "update", "changes", "tell", "notify"];
const OBJECTS: [&str; 6] = ["lead", "contact", "account", "opportunity", "activity", "user"];
const SETTING_KINDS: [&str; 8] =
    ["text", "url", "bool", "int", "list", "table", "duration", "name_or_number"];
const FIELD_KINDS: [&str; 11] =
    ["text", "phone", "email", "int", "real", "bool", "time", "date", "picklist", "ref", "list"];

impl Manifest {
    /// What is wrong with this manifest, in words for its author; empty where nothing is.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        check_head(self, &mut wrong);
        check_speech(self, &mut wrong);
        check_reach(self, &mut wrong);
        let mut names = BTreeSet::new();
        for setting in &self.setting {
            if !names.insert(setting.name.as_str()) {
                wrong.push(format!("setting {} stands twice", setting.name));
            }
            check_setting(setting, &mut wrong);
        }
        let mut names = BTreeSet::new();
        for object in &self.object {
            if !names.insert(object.name.as_str()) {
                wrong.push(format!("object {} stands twice", object.name));
            }
            check_object(self, object, &mut wrong);
        }
        check_marks(self, &mut wrong);
        check_answers(self, &mut wrong);
        wrong
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn check_head(manifest: &Manifest, wrong: &mut Vec<String>) {
    if !is_name(&manifest.name) {
        wrong.push(format!("name {:?} is not in snake_case", manifest.name));
    }
    if manifest.title.en.trim().is_empty() || manifest.title.zh.trim().is_empty() {
        wrong.push("the title is blank in one of the languages".to_owned());
    }
    if manifest.kinds.is_empty() {
        wrong.push("kinds is empty: it can be used as nothing".to_owned());
    }
    let has = |kind| manifest.kinds.contains(&kind);
    if has(SystemKind::Source) && !manifest.hears && !manifest.speaks.iter().any(|op| op == "changes") {
        wrong.push("a source has to hear or to speak `changes`".to_owned());
    }
    let reads = has(SystemKind::Source) && manifest.speaks.iter().any(|op| op == "changes");
    if reads == manifest.lists.is_empty() {
        wrong.push("a source that speaks `changes` names its `lists`, and no other does".to_owned());
    }
    for name in manifest.lists_need.iter().filter(|name| manifest.setting_named(name).is_none()) {
        wrong.push(format!("lists_need names {name:?}, which is no setting"));
    }
    if has(SystemKind::Source) && manifest.touch.is_none() {
        wrong.push("a source names its touch kind".to_owned());
    }
    if has(SystemKind::Crm) {
        for op in ["check", "find", "create", "update", "changes"] {
            if !manifest.speaks.iter().any(|spoken| spoken == op) {
                wrong.push(format!("a CRM has to speak `{op}`"));
            }
        }
    }
    if has(SystemKind::Notify) && !manifest.speaks.iter().any(|op| op == "notify") {
        wrong.push("a notice channel has to speak `notify`".to_owned());
    }
    if has(SystemKind::Notify) != manifest.notify.is_some() {
        wrong.push("[notify] says how a notice channel reaches people, and stands nowhere else".to_owned());
    }
    if has(SystemKind::Enrich) && !manifest.speaks.iter().any(|op| op == "find") {
        wrong.push("company data has to speak `find`".to_owned());
    }
    if has(SystemKind::Ma) && !manifest.speaks.iter().any(|op| op == "tell") {
        wrong.push("an MA has to speak `tell`".to_owned());
    }
}

fn check_speech(manifest: &Manifest, wrong: &mut Vec<String>) {
    for op in &manifest.speaks {
        if !OPERATIONS.contains(&op.as_str()) {
            wrong.push(format!("speaks {op:?}, which is no operation"));
        }
    }
    for (what, op) in manifest
        .repeatable
        .iter()
        .map(|op| ("repeatable", op))
        .chain(manifest.batch.keys().map(|op| ("batch", op)))
        .chain(manifest.atomic.iter().map(|op| ("atomic", op)))
    {
        if !manifest.speaks.contains(op) {
            wrong.push(format!("{what} names {op:?}, which it does not speak"));
        }
    }
    if manifest.batch.values().any(|most| *most == 0) {
        wrong.push("a batch of 0".to_owned());
    }
    if !manifest.speaks.is_empty() && manifest.limit.is_empty() {
        wrong.push("it speaks but names no limit".to_owned());
    }
    if manifest.limit.iter().any(|limit| limit.requests == 0 || limit.per_secs == 0) {
        wrong.push("a limit of 0".to_owned());
    }
}

/// Names in braces.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// Names in braces within a template; its own braces stand around more than a name.
fn names_in(json: &str) -> impl Iterator<Item = &str> {
    placeholders(json).filter(|name| is_name(name))
}

fn check_reach(manifest: &Manifest, wrong: &mut Vec<String>) {
    if !manifest.speaks.is_empty() && manifest.http.is_none() {
        wrong.push("it speaks but has no [http]".to_owned());
    }
    let mut used: Vec<(String, bool)> = Vec::new(); // (name, may be the token)
    if let Some(http) = &manifest.http {
        used.extend(placeholders(&http.base).map(|name| (name.to_owned(), false)));
        if !(1..=120).contains(&http.timeout_secs) {
            wrong.push(format!("timeout_secs is {}, not within 1…120", http.timeout_secs));
        }
    }
    match &manifest.auth {
        Some(Auth::Token { url, body, template, pair, header, form, query, .. }) => {
            used.extend(placeholders(url).map(|name| (name.to_owned(), false)));
            used.extend(
                body.values().flat_map(|text| placeholders(text)).map(|name| (name.to_owned(), false)),
            );
            let ours = template.as_ref().map(|json| json.to_string()).unwrap_or_default();
            used.extend(names_in(&ours).map(|name| (name.to_owned(), false)));
            let pair = pair.as_deref().unwrap_or_default();
            let theirs = |name: &&str| !name.starts_with("answer.");
            used.extend(placeholders(pair).filter(theirs).map(|name| (name.to_owned(), false)));
            used.extend(placeholders(form.as_deref().unwrap_or("")).map(|name| (name.to_owned(), true)));
            if form.as_ref().is_some_and(|form| !form.contains("{token}")) {
                wrong.push("auth.form does not hold {token}".to_owned());
            }
            if header.is_some() != form.is_some() || header.is_some() == query.is_some() {
                wrong.push("auth sends the token either by `header` with `form` or by `query`".to_owned());
            }
        }
        Some(Auth::Header { form, .. }) => {
            used.extend(placeholders(form).map(|name| (name.to_owned(), false)));
        }
        Some(Auth::Basic { user, password }) => {
            used.extend([(user.clone(), false), (password.clone(), false)]);
        }
        Some(Auth::Database { url, file }) => used.extend([(url.clone(), false), (file.clone(), false)]),
        None => {}
    }
    for (name, token) in used {
        if !(token && name == "token") && manifest.setting_named(&name).is_none() {
            wrong.push(format!("{{{name}}} is no setting"));
        }
    }
}

fn check_setting(setting: &Setting, wrong: &mut Vec<String>) {
    let name = &setting.name;
    if !is_name(name) {
        wrong.push(format!("setting {name:?} is not in snake_case"));
    }
    if !SETTING_KINDS.contains(&setting.kind.as_str()) {
        wrong.push(format!("setting {name} has the unknown type {:?}", setting.kind));
    }
    if setting.label.en.trim().is_empty() || setting.label.zh.trim().is_empty() {
        wrong.push(format!("setting {name} has a blank label"));
    }
    if setting.secret && (setting.kind != "text" || setting.default.is_some()) {
        wrong.push(format!("setting {name} is a secret: it is text and has no default"));
    }
    if setting.required && setting.default.is_some() {
        wrong.push(format!("setting {name} is required and has a default"));
    }
    if !setting.options.is_empty() && setting.kind != "text" {
        wrong.push(format!("setting {name} has options but is no text"));
    }
    if let Some(default) = &setting.default
        && value_of(setting, default).is_err()
    {
        wrong.push(format!("the default of setting {name} is not of its type"));
    }
}

fn check_object(manifest: &Manifest, object: &Object, wrong: &mut Vec<String>) {
    let name = &object.name;
    if !OBJECTS.contains(&name.as_str()) {
        wrong.push(format!("{name:?} is no object of the product"));
    }
    let mut fields = BTreeSet::new();
    for field in &object.fields {
        let place = format!("{name}.{}", field.name);
        if !fields.insert(field.name.as_str()) {
            wrong.push(format!("field {place} stands twice"));
        }
        if !FIELD_KINDS.contains(&field.kind.as_str()) {
            wrong.push(format!("field {place} has the unknown type {:?}", field.kind));
        }
        if field.kind == "picklist" && field.options.is_empty() {
            wrong.push(format!("picklist {place} has no options"));
        }
        // a ref that does not say of what points to a table that is none of our objects
        match (&field.of, field.kind == "ref") {
            (Some(of), true) if manifest.object(of).is_none() => {
                wrong.push(format!("ref {place} points to the unknown object {of}"));
            }
            (Some(_), false) => wrong.push(format!("field {place} is no ref but says `of`")),
            _ => {}
        }
    }
    for field in role_fields(&object.roles) {
        if !fields.contains(field.as_str()) {
            wrong.push(format!("a role of {name} names the field {field:?}, which it does not have"));
        }
    }
    for other in object.roles.people.keys().chain(object.roles.converted.keys()) {
        if manifest.object(other).is_none() {
            wrong.push(format!("a role of {name} names the unknown object {other}"));
        }
    }
    let states = ["active", "on_leave", "left"];
    if object.roles.user_states.values().any(|state| !states.contains(&state.as_str())) {
        wrong.push(format!("user_states of {name} has a value that is none of {states:?}"));
    }
}

fn role_fields(roles: &Roles) -> Vec<&String> {
    let single = [
        &roles.name,
        &roles.company,
        &roles.credit_code,
        &roles.website,
        &roles.account,
        &roles.owner,
        &roles.status,
        &roles.amount,
        &roles.received,
        &roles.feedback,
        &roles.remark,
        &roles.mark,
        &roles.last_activity,
        &roles.merged_into,
        &roles.user_state,
    ];
    let several = roles.phones.iter().chain(&roles.emails);
    let named = roles.people.values().chain(roles.converted.values());
    single.into_iter().flatten().chain(several).chain(named).collect()
}

fn check_marks(manifest: &Manifest, wrong: &mut Vec<String>) {
    let Some(rule) = manifest.find_by_mark else {
        if manifest.mark_unique_when.is_some() {
            wrong.push("mark_unique_when without find_by_mark".to_owned());
        }
        return;
    };
    if rule.late_secs < rule.lag_secs {
        wrong.push("find_by_mark: late_secs is below lag_secs".to_owned());
    }
    if !manifest.speaks.iter().any(|op| op == "find") {
        wrong.push("find_by_mark, but it does not speak `find`".to_owned());
    }
    if manifest.object("lead").is_some_and(|lead| lead.roles.mark.is_none()) {
        wrong.push("find_by_mark, but the role `mark` of lead is not named".to_owned());
    }
    if let Some(when) = &manifest.mark_unique_when
        && manifest.setting_named(&when.setting).is_none()
    {
        wrong.push(format!("mark_unique_when names the unknown setting {}", when.setting));
    }
}

fn check_answers(manifest: &Manifest, wrong: &mut Vec<String>) {
    for (at, rule) in manifest.answer.iter().enumerate() {
        if rule.status.is_none() && rule.body.is_none() {
            wrong.push(format!("answer rule {} fits everything", at + 1));
        }
        if rule.body.as_ref().is_some_and(|body| body.any.is_empty() || body.path.is_empty()) {
            wrong.push(format!("answer rule {} has a body that fits nothing", at + 1));
        }
        if rule.means == Meaning::Done && rule.status.is_some_and(|status| status >= 300) {
            wrong.push(format!("answer rule {} takes an error for success", at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::parse;

    const GOOD: &str = r#"
        name = "acme"
        title = { en = "Acme", zh = "爱酷" }
        kinds = ["crm"]
        speaks = ["check", "find", "create", "update", "changes"]
        repeatable = ["find"]
        batch = { create = 10 }
        http = { base = "{url}/v2" }
        limit = [{ requests = 10, per_secs = 1 }]
        find_by_mark = { lag_secs = 1, late_secs = 10 }
        [auth]
        kind = "header"
        header = "x-key"
        form = "{key}"
        [[setting]]
        name = "url"
        type = "url"
        required = true
        label = { en = "Address", zh = "地址" }
        [[setting]]
        name = "key"
        secret = true
        label = { en = "Key", zh = "密钥" }
        [[object]]
        name = "lead"
        roles = { name = "n", mark = "m" }
        fields = [{ name = "n", type = "text" }, { name = "m", type = "text" }]
    "#;

    #[test]
    fn a_good_manifest_has_nothing_wrong() {
        assert_eq!(parse(GOOD).unwrap().check(), Vec::<String>::new());
    }

    #[test]
    fn each_mistake_is_named() {
        for (old, new, said) in [
            (r#""acme""#, r#""Acme CRM""#, "snake_case"),
            (r#"zh = "爱酷""#, r#"zh = " ""#, "title"),
            (r#""find", "create""#, r#""find""#, "has to speak `create`"),
            (r#"repeatable = ["find"]"#, r#"repeatable = ["tell"]"#, "does not speak"),
            ("create = 10", "create = 0", "batch of 0"),
            ("{url}/v2", "{uri}/v2", "{uri} is no setting"),
            ("requests = 10", "requests = 0", "limit of 0"),
            ("late_secs = 10", "late_secs = 0", "late_secs"),
            (r#"type = "url""#, r#"type = "uri""#, "unknown type"),
            ("secret = true", "secret = true\ndefault = \"x\"", "has no default"),
            (r#"mark = "m""#, r#"mark = "mm""#, "does not have"),
            (
                r#"{ name = "m", type = "text" }"#,
                r#"{ name = "m", type = "ref", of = "x" }"#,
                "unknown object x",
            ),
            (r#"{ name = "m", type = "text" }"#, r#"{ name = "n", type = "text" }"#, "stands twice"),
        ] {
            assert!(GOOD.contains(old), "{old}");
            let wrong = parse(&GOOD.replacen(old, new, 1)).unwrap().check();
            assert!(wrong.iter().any(|line| line.contains(said)), "{new}: {wrong:?}");
        }
    }
}
