//! Profiles: systems that need no code of their own. A profile is a TOML file that says of another connector what this vendor
//! sets: where its records are, how it signs, what its fields mean. Everything else is the other connector's.
//!
//! ```toml
//! name = "acme"
//! title = { en = "Acme", zh = "爱酷" }
//! base = "webhook"
//! touch = "ma_event"
//! needs = ["secret"]  # settings that an admin has to give here, though the other connector may do without
//! [settings]          # what stands there unless an admin says otherwise
//! signature = "hmac"
//! [fields]            # incoming name = pool field, beyond the well-known ones
//! member_name = "name"
//! ```

use std::collections::BTreeMap;

use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::Operation;
use serde::Deserialize;

use crate::canary::Canary;
use crate::connector::{Claim, Connector, Link, Received, Refusal};
use crate::exchange::Exchange;
use crate::http::{Answer, Push};
use crate::manifest::{Manifest, Words};
use crate::settings::{Problem, Settings, value_of};

/// A profile as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    title: Words,
    base: String,
    touch: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    settings: toml::Table,
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

/// A connector that is another one with settings of its own.
struct Profile {
    manifest: &'static Manifest,
    base: &'static dyn Connector,
}

/// Reads a profile; `base` finds the connector it is a profile of. It lasts as long as the process.
///
/// # Errors
/// What is wrong with it, for its author.
pub fn read(
    text: &str,
    base: impl Fn(&str) -> Option<&'static dyn Connector>,
) -> Result<&'static dyn Connector, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
    let base = base(&written.base).ok_or_else(|| format!("there is no connector `{}`", written.base))?;
    let mut manifest = base.manifest().clone();
    manifest.name = written.name;
    manifest.title = written.title;
    manifest.touch = written.touch.or(manifest.touch);
    manifest.fields.extend(written.fields);
    for (name, value) in written.settings {
        let setting = manifest.setting.iter_mut().find(|setting| setting.name == name);
        let setting = setting.ok_or_else(|| format!("`{}` has no setting `{name}`", written.base))?;
        if setting.secret {
            return Err(format!("`{name}` is a secret: a profile holds none"));
        }
        value_of(setting, &value).map_err(|problem| format!("{name}: {}", problem.detail))?;
        setting.required = false;
        setting.default = Some(value);
    }
    for name in written.needs {
        let setting = manifest.setting.iter_mut().find(|setting| setting.name == name);
        let setting = setting.ok_or_else(|| format!("`{}` has no setting `{name}`", written.base))?;
        setting.required = true;
    }
    let manifest: &'static Manifest = Box::leak(Box::new(manifest));
    Ok(Box::leak(Box::new(Profile { manifest, base })))
}

impl Connector for Profile {
    fn manifest(&self) -> &'static Manifest {
        self.manifest
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        self.base.check_settings(settings)
    }

    fn claims(&self, link: &Link, push: &Push) -> Option<Claim> {
        self.base.claims(link, push)
    }

    fn preflight(&self, link: &Link, push: &Push) -> Answer {
        self.base.preflight(link, push)
    }

    fn lists(&self, link: &Link) -> Vec<String> {
        self.base.lists(link)
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        self.base.receive(link, push)
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        self.base.canary(link, canary)
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        self.base.exchange(link, operations, moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Base;
    impl Connector for Base {
        fn manifest(&self) -> &'static Manifest {
            static BASE: std::sync::LazyLock<Manifest> = std::sync::LazyLock::new(|| {
                crate::manifest::parse(
                    r#"
                    name = "webhook"
                    title = { en = "Any", zh = "任意" }
                    kinds = ["source"]
                    hears = true
                    touch = "received"
                    [[setting]]
                    name = "signature"
                    required = true
                    options = ["hmac", "none"]
                    label = { en = "Proof", zh = "验证" }
                    [[setting]]
                    name = "secret"
                    secret = true
                    label = { en = "Secret", zh = "密钥" }
                    "#,
                )
                .unwrap()
            });
            &BASE
        }
    }

    fn profile(more: &str) -> Result<&'static dyn Connector, String> {
        let text = format!(
            "name = \"acme\"\ntitle = {{ en = \"Acme\", zh = \"爱酷\" }}\nbase = \"webhook\"\n{more}"
        );
        read(&text, |name| (name == "webhook").then_some(&Base as &'static dyn Connector))
    }

    #[test]
    fn a_profile_is_its_base_with_settings_of_its_own() {
        let acme = profile("[settings]\nsignature = \"hmac\"\n[fields]\nmember_name = \"name\"").unwrap();
        assert_eq!(
            (acme.manifest().name.as_str(), acme.manifest().touch.as_deref()),
            ("acme", Some("received"))
        );
        assert_eq!(acme.manifest().fields["member_name"], "name");
        let (settings, problems) = crate::settings::check(acme, &toml::Table::new());
        assert_eq!((settings.text("signature"), problems), (Some("hmac"), vec![]));
    }

    #[test]
    fn mistakes_of_a_profile_are_named() {
        for (more, said) in [
            ("[settings]\nsignatur = \"hmac\"", "no setting `signatur`"),
            ("[settings]\nsignature = \"rsa\"", "signature"),
            ("[settings]\nsecret = \"abc\"", "holds none"),
            ("colour = 1", "colour"),
        ] {
            let Err(wrong) = profile(more) else { panic!("{more}") };
            assert!(wrong.contains(said), "{wrong}");
        }
    }
}
