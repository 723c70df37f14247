//! Stage 1, capture: well-known names of incoming fields and the pool field each means.
//!
//! Form builders, spreadsheets and ad platforms call the same thing by many names, in English and in Chinese. This table
//! is used where the source's own `fields` in the config say nothing; it never overrides them. What a field *holds* is
//! not looked at here: that is for [`crate::normal`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Pool field → names it comes under, written the way [`key`] writes them. Order does not matter; a name stands once.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "name",
        &[
            "name",
            "fullname",
            "yourname",
            "contact",
            "contactname",
            "contactperson",
            "realname",
            "username",
            "leadname",
            "姓名",
            "名字",
            "真实姓名",
            "您的姓名",
            "你的姓名",
            "联系人",
            "联系人姓名",
            "客户姓名",
            "称呼",
            "参会人",
        ],
    ),
    ("first_name", &["firstname", "fname", "givenname", "vorname", "名"]),
    ("last_name", &["lastname", "lname", "surname", "familyname", "nachname", "姓", "姓氏"]),
    (
        "phone",
        &[
            "phone",
            "tel",
            "telephone",
            "mobile",
            "mobilephone",
            "mobileno",
            "mobilenumber",
            "phoneno",
            "phonenumber",
            "cell",
            "cellphone",
            "contactphone",
            "workphone",
            "yourtel",
            "yourphone",
            "handy",
            "telefon",
            "手机",
            "手机号",
            "手机号码",
            "移动电话",
            "电话",
            "电话号码",
            "联系电话",
            "联系手机",
            "联系方式",
            "座机",
        ],
    ),
    (
        "email",
        &[
            "email",
            "mail",
            "emailaddress",
            "mailaddress",
            "youremail",
            "workemail",
            "businessemail",
            "companyemail",
            "邮箱",
            "邮箱地址",
            "电子邮箱",
            "电子邮件",
            "邮件",
            "工作邮箱",
            "企业邮箱",
        ],
    ),
    (
        "company",
        &[
            "company",
            "companyname",
            "organization",
            "organisation",
            "organizationname",
            "org",
            "orgname",
            "firma",
            "account",
            "accountname",
            "employer",
            "corp",
            "corporation",
            "公司",
            "公司名",
            "公司名称",
            "公司全称",
            "单位",
            "单位名称",
            "工作单位",
            "企业",
            "企业名称",
            "所在公司",
            "所属公司",
            "客户名称",
        ],
    ),
    ("title", &["title", "jobtitle", "job", "position", "role", "organizationtitle", "职位", "职务", "岗位"]),
    ("department", &["department", "dept", "部门", "所在部门"]),
    (
        "requirement",
        &[
            "requirement",
            "requirements",
            "need",
            "needs",
            "message",
            "yourmessage",
            "comment",
            "comments",
            "note",
            "notes",
            "remark",
            "remarks",
            "question",
            "inquiry",
            "enquiry",
            "需求",
            "需求描述",
            "您的需求",
            "采购需求",
            "备注",
            "留言",
            "咨询内容",
            "问题描述",
        ],
    ),
    ("country", &["country", "countrycode", "countryname", "land", "国家"]),
    ("province", &["province", "state", "region", "省", "省份", "所在省份", "地区", "区域"]),
    ("city", &["city", "town", "城市", "市", "所在城市"]),
    ("address", &["address", "streetaddress", "street", "地址", "详细地址", "公司地址", "联系地址"]),
    ("postal_code", &["postalcode", "postcode", "zip", "zipcode", "plz", "邮编", "邮政编码"]),
    ("wechat", &["wechat", "wechatid", "weixin", "wx", "微信", "微信号"]),
    ("tags", &["tags", "labels", "标签"]),
    ("company.industry", &["industry", "companyindustry", "行业", "所属行业", "所在行业"]),
    (
        "company.employees",
        &[
            "employees",
            "employeecount",
            "numberofemployees",
            "companysize",
            "companyemployees",
            "headcount",
            "员工人数",
            "员工数",
            "公司人数",
            "公司规模",
            "企业规模",
            "规模",
        ],
    ),
    (
        "company.website",
        &[
            "website",
            "companywebsite",
            "homepage",
            "site",
            "网址",
            "网站",
            "公司网站",
            "公司网址",
            "公司官网",
        ],
    ),
    ("company.credit_code", &["creditcode", "uscc", "companycreditcode", "统一社会信用代码", "信用代码"]),
    ("unionid", &["unionid", "wxunionid"]),
    ("openid", &["openid", "wxopenid"]),
    ("wecom_id", &["wecomid", "externaluserid"]),
    ("ma_id", &["maid"]),
    ("uba_id", &["ubaid", "distinctid"]),
    ("cookie", &["cookie", "cookieid", "anonymousid", "visitorid"]),
    ("login_id", &["loginid", "userid"]),
    (
        "consent.transfer",
        &[
            "consent",
            "consenttransfer",
            "consentcontact",
            "gdpr",
            "gdprconsent",
            "privacy",
            "privacyconsent",
            "agree",
            "agreement",
            "accept",
            "同意",
            "同意联系",
            "同意转交",
            "同意隐私政策",
            "隐私同意",
        ],
    ),
    (
        "consent.mail",
        &[
            "consentmail",
            "consentemail",
            "consentmarketing",
            "marketingconsent",
            "optin",
            "newsletter",
            "subscribe",
            "subscribed",
            "订阅",
            "同意邮件",
            "接收邮件",
        ],
    ),
    ("consent.sms", &["consentsms", "同意短信", "接收短信"]),
    ("consent.phone", &["consentphone", "consentcall", "同意电话"]),
    ("touch.page_url", &["pageurl", "pageuri", "landingpage", "landingurl", "落地页"]),
    ("touch.referrer", &["referrer", "referer", "来路"]),
    ("touch.campaign", &["campaign", "campaignname", "campaigncode", "活动", "活动名称", "营销活动"]),
    ("touch.channel", &["channel", "channelname", "渠道", "来源渠道", "线索来源", "来源"]),
    ("touch.event", &["event", "eventname"]),
];

/// Campaign parameters and click ids under their pool names. The list is what Google Analytics 4 and the ad platforms put
/// into a landing page's address.
const ATTRIBUTION: &[&str] = &[
    "touch.utm_source",
    "touch.utm_medium",
    "touch.utm_campaign",
    "touch.utm_term",
    "touch.utm_content",
    "touch.utm_id",
    "touch.utm_source_platform",
    "touch.utm_creative_format",
    "touch.utm_marketing_tactic",
    "touch.gclid",
    "touch.gbraid",
    "touch.wbraid",
    "touch.dclid",
    "touch.msclkid",
    "touch.fbclid",
    "touch.li_fat_id",
    "touch.ttclid",
    "touch.twclid",
    "touch.yclid",
    "touch.bd_vid",
    "touch.qhclickid",
    "touch.clickid",
    "touch.gdt_vid",
    "touch.qz_gdt",
    "touch.hubspotutk",
];

/// Matomo's words for the campaign parameters.
const MATOMO: [(&str, &str); 5] = [
    ("source", "utm_source"),
    ("medium", "utm_medium"),
    ("campaign", "utm_campaign"),
    ("keyword", "utm_term"),
    ("kwd", "utm_term"),
];

/// Outer names that only say "this is the lead": `lead[email]` and `lead.email` mean `email`.
const WRAPPERS: [&str; 12] = [
    "lead",
    "contact",
    "person",
    "user",
    "customer",
    "form",
    "fields",
    "data",
    "properties",
    "attributes",
    "traits",
    "values",
];

/// Most bytes of a name that is looked up; longer ones are nobody's well-known name.
const LONGEST: usize = 100;

/// A field name as the table writes it: lower case, without blanks, `-`, `_`, `*`, `:` and what stands in brackets
/// (`手机号（必填）*` → `手机号`), full-width letters as ASCII.
#[must_use]
pub fn key(name: &str) -> String {
    let mut inside = 0_u32;
    let mut key = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '(' | '（' | '【' | '[' => inside += 1,
            ')' | '）' | '】' | ']' => inside = inside.saturating_sub(1),
            _ if inside > 0 || c.is_whitespace() => {}
            '-' | '_' | '*' | ':' | '：' | '\u{feff}' => {}
            '\u{ff01}'..='\u{ff5e}' => {
                key.extend(char::from_u32(u32::from(c) - 0xfee0).into_iter().flat_map(char::to_lowercase))
            }
            _ => key.extend(c.to_lowercase()),
        }
    }
    key
}

/// The pool field of a campaign parameter or click id, `utm_*` in GA4's words: `pk_campaign` is `touch.utm_campaign`.
#[must_use]
pub fn attribution(name: &str) -> Option<&'static str> {
    let name = name.trim();
    let known = |name: &str| {
        ATTRIBUTION
            .iter()
            .find(|field| field.strip_prefix("touch.").is_some_and(|known| known.eq_ignore_ascii_case(name)))
            .copied()
    };
    known(name).or_else(|| {
        let rest = ["mtm_", "pk_", "piwik_"].iter().find_map(|prefix| name.strip_prefix(prefix))?;
        MATOMO.iter().find(|(matomo, _)| *matomo == rest).and_then(|(_, utm)| known(utm))
    })
}

/// The pool field that an incoming name means, where it is well known: `手机号` and `lead[mobile]` are `phone`.
/// Attribution keys become `touch.utm_source` and so on. Names of the pool itself (`company.industry`,
/// `consent.transfer`, `touch.…`, `score.…`) are not looked up here: they already are what they mean.
#[must_use]
pub fn pool_field(name: &str) -> Option<&'static str> {
    if name.len() > LONGEST {
        return None;
    }
    if let Some((outer, inner)) = name.strip_suffix(']').and_then(|open| open.split_once('['))
        && !outer.trim().is_empty()
        && !inner.is_empty()
    {
        return pool_field(&format!("{outer}.{}", inner.replace("][", ".")));
    }
    if let Some(field) = attribution(name).or_else(|| look_up(&key(name))) {
        return Some(field);
    }
    let (outer, inner) = name.split_once('.')?;
    let outer = key(outer);
    if WRAPPERS.contains(&outer.as_str()) {
        return pool_field(inner);
    }
    match (outer.as_str(), key(inner).as_str()) {
        ("company" | "account" | "organization" | "org", "name") => Some("company"),
        ("company" | "account" | "organization" | "org", inner) => {
            look_up(inner).filter(|field| field.starts_with("company."))
        }
        _ => None,
    }
}

fn look_up(key: &str) -> Option<&'static str> {
    static FIELDS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
        let names = |(field, names): &(&'static str, &'static [&'static str])| {
            let field = *field;
            names.iter().map(move |name| (*name, field))
        };
        KNOWN.iter().flat_map(names).collect()
    });
    FIELDS.get(key).copied()
}

/// A whole name from its parts: Chinese, Japanese and Korean names are written family name first and without a blank.
#[must_use]
pub fn full_name(first: &str, last: &str) -> String {
    let (first, last) = (first.trim(), last.trim());
    let east_asian = |text: &str| {
        text.chars().any(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{323af}'))
    };
    if first.is_empty() || last.is_empty() {
        return format!("{first}{last}");
    }
    if east_asian(first) && east_asian(last) { format!("{last}{first}") } else { format!("{first} {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn well_known_names_mean_their_field_however_they_are_written() {
        for (name, field) in [
            ("E-Mail", Some("email")),
            ("Your_Email", Some("email")),
            ("手机号（必填）*", Some("phone")),
            (" 手机 号码：", Some("phone")),
            ("ＭＯＢＩＬＥ", Some("phone")),
            ("lead.email", Some("email")),
            ("lead[mobile]", Some("phone")),
            ("lead[company][name]", Some("company")),
            ("[必填]手机", Some("phone")),
            ("lead.company.name", Some("company")),
            ("company.size", None),
            ("account.industry", Some("company.industry")),
            ("Company Size", Some("company.employees")),
            ("utm_source", Some("touch.utm_source")),
            ("UTM_Campaign", Some("touch.utm_campaign")),
            ("pk_kwd", Some("touch.utm_term")),
            ("gclid", Some("touch.gclid")),
            ("favourite_colour", None),
            ("", None),
        ] {
            assert_eq!(pool_field(name), field, "{name:?}");
        }
        assert_eq!(pool_field(&"name".repeat(100)), None);
    }

    #[test]
    fn every_name_stands_once_and_as_key_writes_it() {
        let mut seen = BTreeSet::new();
        for (field, names) in KNOWN {
            for name in *names {
                assert_eq!(&key(name), name, "{field}");
                assert!(seen.insert(*name), "{name} stands twice");
            }
        }
        assert!(ATTRIBUTION.iter().all(|field| field.starts_with("touch.")));
    }

    #[test]
    fn names_are_put_together_as_they_are_spoken() {
        assert_eq!(full_name("三", "张"), "张三");
        assert_eq!(full_name("Anna", "Li"), "Anna Li");
        assert_eq!(full_name("", "Li"), "Li");
    }
}
