//! Mail over SMTP: plain text, HTML where the notice has it, files.

use leadloop_connector_api::answers::Answers;
use leadloop_connector_api::exchange::Exchange;
use leadloop_connector_api::http::{Body, Mail, Method, Request};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::notice::Attachment;
use leadloop_sync_core::outbox::Operation;

use crate::notices;

/// The connector.
struct MailNotice;

inventory::submit! { Registered(&MailNotice) }

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for MailNotice {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems = Vec::new();
        let smtp = settings.text("smtp").unwrap_or_default();
        if !["smtps://", "smtp://"]
            .iter()
            .any(|scheme| smtp.strip_prefix(scheme).is_some_and(|host| !host.is_empty()))
        {
            problems.push(
                Problem::new("smtp", ProblemKind::NotAllowed, format!("`{smtp}` is no mail server"))
                    .with_help(
                        "write `smtps://mail.example.com`, or `smtp://mail.example.com:587` for STARTTLS",
                    )
                    .zh(format!("`{smtp}` 不是邮件服务器地址"))
                    .zh_help("请写 `smtps://mail.example.com`，STARTTLS 写 `smtp://mail.example.com:587`"),
            );
        }
        let from = settings.text("from").unwrap_or_default();
        if !from.contains('@') {
            problems.push(
                Problem::new("from", ProblemKind::NotAllowed, format!("`{from}` is no mail address"))
                    .with_help("write `leads@example.com` or `Leads <leads@example.com>`")
                    .zh(format!("`{from}` 不是邮件地址"))
                    .zh_help("请写 `leads@example.com` 或 `Leads <leads@example.com>`"),
            );
        }
        if settings.text("user").is_some() != settings.secrets.contains_key("password") {
            problems.push(
                Problem::new("user", ProblemKind::Contradiction, "`user` and `password` belong together")
                    .with_help("set both, or neither where the server wants no login")
                    .zh("`user` 与 `password` 须同时填写")
                    .zh_help("请同时填写；服务器无需登录时都不写"),
            );
        }
        problems
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let (to, notice) = notices::of(operations)?;
        let from = link.text("from").unwrap_or_default().to_owned();
        let domain =
            from.trim_end_matches('>').rsplit_once('@').map_or("leadloop.invalid", |(_, domain)| domain);
        let file =
            |file: &Attachment| (file.name.clone(), file.kind.clone(), file.content.clone().into_bytes());
        let mail = Mail {
            id: format!("{}@{domain}", notice.id),
            to: to.to_owned(),
            // A line break in a subject would begin another header.
            subject: notice.title.split_whitespace().collect::<Vec<_>>().join(" "),
            text: notices::text(notice, MOST_BYTES),
            html: notice.html.clone(),
            files: notice.files.iter().map(file).collect(),
            from,
        };
        let mut request = Request::get("/");
        request.method = Method::Post;
        request.body = Body::Mail(Box::new(mail));
        request.repeatable = false;
        let answers = Answers::of(description(), link, moment.now);
        Ok(notices::told_by(answers, request, "code", "250"))
    }
}

/// Most bytes of the plain text.
const MOST_BYTES: usize = 60_000;
