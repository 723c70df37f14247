//! The looks of the answer page: one template, both languages.

use askama::Template;
use leadloop_sync_core::answer_page::{Choice, Fill, Standing, View};
use leadloop_sync_core::because::Language;

use super::Refusal;

/// The page.
#[derive(Template)]
#[template(path = "answer.html")]
pub(super) struct Page<'a> {
    zh: bool,
    token: &'a str,
    /// Proof that the form is ours; none where there is no form.
    form: Option<&'a str>,
    view: Option<&'a View>,
    /// What is said above.
    message: Option<String>,
    /// Whether that is good news.
    good: bool,
    code: &'static str,
    chosen: &'a str,
}

impl<'a> Page<'a> {
    /// The form, or why there is none.
    pub(super) fn form(
        token: &'a str,
        form: &'a str,
        view: &'a View,
        wrong: Option<Refusal>,
        language: Language,
    ) -> String {
        let zh = language == Language::Zh;
        let open = matches!(view.standing, Standing::Open | Standing::Answered);
        let (message, code) = match (view.standing, wrong) {
            (_, Some(refusal)) => (Some(words(refusal, zh)), refusal.code()),
            (Standing::Answered, None) => (Some(changeable(zh)), ""),
            (Standing::Over, None) => (Some(over(view, zh)), Refusal::Over.code()),
            (Standing::NotYours, None) => (Some(not_yours(view, zh)), Refusal::Over.code()),
            (Standing::Open, None) => (None, ""),
        };
        let good = open && wrong.is_none();
        let chosen = view.current.as_deref().unwrap_or_default();
        Self { zh, token, form: open.then_some(form), view: Some(view), message, good, code, chosen }.drawn()
    }

    /// The answer was taken.
    pub(super) fn thanks(token: &'a str, view: &'a View, chosen: &'a str, language: Language) -> String {
        let zh = language == Language::Zh;
        let label =
            view.choices.iter().find(|choice| choice.tag == chosen).map(|choice| choice.label.as_str());
        let label = label.unwrap_or(match (chosen, zh) {
            ("confirm", true) => "确认有需求",
            ("confirm", false) => "Need confirmed",
            ("nurture", true) => "继续培育",
            ("nurture", false) => "Nurture on",
            ("drop", true) => "放弃",
            ("drop", false) => "Dropped",
            _ => chosen,
        });
        let message = if zh {
            format!("已收到您的反馈：{label}")
        } else {
            format!("Thank you. Your answer: {label}")
        };
        Self { zh, token, form: None, view: None, message: Some(message), good: true, code: "", chosen: "" }
            .drawn()
    }

    /// No form is shown.
    pub(super) fn refused(token: &'a str, refusal: Refusal, language: Language) -> String {
        let zh = language == Language::Zh;
        let message = Some(words(refusal, zh));
        Self { zh, token, form: None, view: None, message, good: false, code: refusal.code(), chosen: "" }
            .drawn()
    }

    fn drawn(&self) -> String {
        self.render().unwrap_or_else(|error| {
            tracing::error!(%error, "the answer page could not be drawn");
            String::new()
        })
    }

    fn say(&self, en: &'static str, zh: &'static str) -> &'static str {
        if self.zh { zh } else { en }
    }

    fn title(&self) -> &'static str {
        match self.view {
            Some(view) if view.desk => self.say("Lead to confirm", "待确认线索"),
            Some(_) => self.say("Answer to a lead", "线索反馈"),
            None => self.say("Lead", "线索"),
        }
    }

    fn choices(&self) -> &[Choice] {
        self.view.map(|view| view.choices.as_slice()).unwrap_or_default()
    }

    fn fills(&self) -> &[Fill] {
        self.view.map(|view| view.fills.as_slice()).unwrap_or_default()
    }

    /// Whether the lead's details are shown.
    fn shows(&self) -> bool {
        self.view.is_some_and(|view| view.standing != Standing::NotYours)
    }
}

fn words(refusal: Refusal, zh: bool) -> String {
    let (en, cn) = match refusal {
        Refusal::Forged => (
            "This link is not valid. Open it again from the newest message.",
            "链接无效，请从最新的消息中重新打开。",
        ),
        Refusal::Expired => (
            "This link has expired. Please answer in the CRM, or ask your manager to hand the lead over again.",
            "链接已过期。请在 CRM 中反馈，或联系上级重新分派。",
        ),
        Refusal::Over => (
            "This lead is not with you any more; nothing was changed.",
            "这条线索已不在您手中，没有任何改动。",
        ),
        Refusal::Twice => (
            "This form was used already, or the lead changed meanwhile. Open the link again to see what counts.",
            "该表单已提交过，或期间已有变化。请重新打开链接查看。",
        ),
        Refusal::Empty => ("Please choose an answer.", "请选择一个反馈。"),
        Refusal::Unavailable => {
            ("This cannot be kept right now. Please try again in a minute.", "暂时无法保存，请稍后再试。")
        }
    };
    (if zh { cn } else { en }).to_owned()
}

fn changeable(zh: bool) -> String {
    let (en, cn) = ("You have answered. You can still change it.", "您已反馈，仍可修改。");
    (if zh { cn } else { en }).to_owned()
}

fn over(view: &View, zh: bool) -> String {
    if zh {
        format!("这条线索的处理已结束：{}", view.state)
    } else {
        format!("Nothing can be answered here any more: {}", view.state)
    }
}

fn not_yours(view: &View, zh: bool) -> String {
    match (zh, view.owner.is_empty()) {
        (true, true) => "这条线索已不在您手中。".to_owned(),
        (true, false) => format!("这条线索现由 {} 负责。", view.owner),
        (false, true) => "This lead is not with you any more.".to_owned(),
        (false, false) => format!("This lead is with {} now.", view.owner),
    }
}
