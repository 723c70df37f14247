//! A piece of config for a connector that has no template of its own: made from its manifest. Secrets are references to the
//! environment; what may be left out stands there as a comment.

use std::fmt::Write as _;

use leadloop_connector_api::manifest::{Auth, Manifest, Setting};
use leadloop_sync_core::because::Language;

/// A piece, and the secrets it needs from the environment.
pub struct Piece {
    /// The TOML.
    pub text: String,
    /// Names of variables.
    pub variables: Vec<String>,
}

/// Column at which comments begin.
const COMMENTS_AT: usize = 48;

/// A source.
pub fn source(manifest: &Manifest, language: Language) -> Piece {
    let name = name_of(manifest);
    let mut piece = begin("source", &name, manifest, language);
    let require = match language {
        Language::En => "else quarantined with the reason, never dropped",
        Language::Zh => "不满足则隔离并说明原因，绝不丢弃",
    };
    line(&mut piece.text, "require = [\"phone or email\"]", require);
    settings(&mut piece, "source", &name, manifest, language);
    piece
}

/// A CRM.
pub fn crm(manifest: &Manifest, language: Language) -> Piece {
    let mut piece = begin("crm", "sales", manifest, language);
    let say = |en: &'static str, zh: &'static str| match language {
        Language::En => en,
        Language::Zh => zh,
    };
    line(
        &mut piece.text,
        "fuse = { creates_per_hour = 500 }",
        say("beyond that it stops and asks, rather than flood the CRM", "超过即停下询问，避免灌爆 CRM"),
    );
    settings(&mut piece, "crm", "sales", manifest, language);
    let roles = manifest.object("lead").or_else(|| manifest.object("contact"));
    if let Some(object) = roles {
        let mut mapped =
            vec![("name", object.roles.name.as_ref()), ("company", object.roles.company.as_ref())];
        mapped.push(("phone", object.roles.phones.first()));
        mapped.push(("email", object.roles.emails.first()));
        let head = say(
            "Fields go by their roles; write a [[mapping]] where you want it otherwise:",
            "字段默认按角色对应；需要调整时写 [[mapping]]：",
        );
        let _ = write!(
            piece.text,
            "\n# {head}\n# [[mapping]]\n# crm = \"sales\"\n# object = \"{}\"\n# fields = [\n",
            object.name
        );
        for (pool, crm) in mapped {
            if let Some(crm) = crm {
                let _ = writeln!(piece.text, "#   {{ pool = \"{pool}\", crm = \"{crm}\" }},");
            }
        }
        piece.text.push_str("# ]\n\n");
    }
    piece
}

/// A marketing automation.
pub fn ma(manifest: &Manifest, language: Language) -> Piece {
    let mut piece = begin("ma", "nurturing", manifest, language);
    let quiet = match language {
        Language::En => "no mailings while sales talk to the person",
        Language::Zh => "销售沟通期间不发邮件",
    };
    line(
        &mut piece.text,
        "gives = [\"stage\", \"owner\", \"feedback\", \"tags\", \"track\"]",
        match language {
            Language::En => "what it is told",
            Language::Zh => "告知 MA 的内容",
        },
    );
    line(&mut piece.text, "quiet_while = [\"with_sales\", \"accepted\", \"opportunity\"]", quiet);
    settings(&mut piece, "ma", "nurturing", manifest, language);
    piece
}

/// The name of a source: its connector's, as a part of a path.
pub fn name_of(manifest: &Manifest) -> String {
    manifest.name.replace('_', "-")
}

fn begin(section: &str, name: &str, manifest: &Manifest, language: Language) -> Piece {
    let title = match language {
        Language::En => &manifest.title.en,
        Language::Zh => &manifest.title.zh,
    };
    let mut text = format!("[[{section}]]\n");
    line(&mut text, &format!("name = \"{name}\""), "");
    line(&mut text, &format!("connector = \"{}\"", manifest.name), title);
    Piece { text, variables: Vec::new() }
}

fn line(text: &mut String, written: &str, comment: &str) {
    // Writing into a text cannot fail.
    let _ = if comment.is_empty() {
        writeln!(text, "{written}")
    } else {
        writeln!(text, "{written:<COMMENTS_AT$}  # {}", comment.replace('\n', " "))
    };
}

fn settings(piece: &mut Piece, section: &str, name: &str, manifest: &Manifest, language: Language) {
    if !manifest.setting.is_empty() {
        let _ = writeln!(piece.text, "[{section}.settings]");
    }
    for setting in &manifest.setting {
        let label = match language {
            Language::En => &setting.label.en,
            Language::Zh => &setting.label.zh,
        };
        let value = value_of(setting, name);
        let written = format!("{} = {value}", setting.name);
        // A database is reached by its address, or by a file instead of it.
        let address = matches!(&manifest.auth, Some(Auth::Database { url, .. }) if *url == setting.name);
        if setting.required || address {
            line(&mut piece.text, &written, label);
            if setting.secret {
                piece.variables.push(variable(name, &setting.name));
            }
        } else {
            line(&mut piece.text, &format!("# {written}"), label);
        }
    }
    piece.text.push('\n');
}

fn variable(name: &str, setting: &str) -> String {
    format!("{name}_{setting}").to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// A value that the check takes: the setting's own default, its first option, or one of its type.
fn value_of(setting: &Setting, name: &str) -> String {
    if setting.secret {
        return format!("{{ env = \"{}\" }}", variable(name, &setting.name));
    }
    if let Some(default) = &setting.default {
        return default.to_string();
    }
    if let Some(option) = setting.options.first() {
        return format!("{option:?}");
    }
    match setting.kind.as_str() {
        "url" => format!("\"https://{}.example\"", name.replace('_', "-")),
        "bool" => "true".to_owned(),
        "int" => "1".to_owned(),
        "list" => format!("[\"{}\"]", setting.name),
        "table" => "{ }".to_owned(),
        "duration" => "\"5m\"".to_owned(),
        _ => format!("\"{}\"", setting.name),
    }
}
