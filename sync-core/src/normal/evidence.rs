//! Whether two records are one company by everything that identifies one: credit code, name, domains.
//!
//! Sits above [`super::matching`], which knows names alone. The parts are normalised before: codes by
//! [`super::credit_code`], domains by [`super::domain`]. What a match leads to is for transfer.

use super::company::CompanyName;
use super::domain::is_free_mail;
use super::matching::{CompanyMatch, MatchReason, Strength, match_names};

/// What identifies a company on one side.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompanyEvidence<'a> {
    /// The name, taken apart.
    pub name: Option<&'a CompanyName>,
    /// The credit code, checked.
    pub credit_code: Option<&'a str>,
    /// Registrable domains of mail addresses and web sites. Those of mail providers are passed over.
    pub domains: &'a [String],
}

/// Whether two records are one company. A code decides alone; a doubtful name and a domain of its own together are as
/// good as a name, unless the name says that they are two companies of one group, who share domains too.
#[must_use]
pub fn match_companies(a: &CompanyEvidence<'_>, b: &CompanyEvidence<'_>) -> Option<CompanyMatch> {
    use MatchReason as R;
    let names = a.name.zip(b.name).and_then(|(left, right)| match_names(left, right));
    match a.credit_code.zip(b.credit_code) {
        Some((left, right)) if left == right => return Some(CompanyMatch::new(R::ExactCode, 1000)),
        // Two codes are two companies, but one name with two codes is worth a look: a code may be another's.
        Some(_) => {
            return names
                .filter(|found| found.strength == Strength::Strong)
                .map(|_| CompanyMatch::new(R::CodeDiffers, 450));
        }
        None => {}
    }
    let shared = a.domains.iter().any(|domain| b.domains.contains(domain) && !is_free_mail(domain));
    match names {
        Some(found) if !shared || found.strength == Strength::Strong => Some(found),
        Some(found) => match found.reason {
            R::RegionWithin | R::FormDiffers | R::GroupDiffers | R::BranchOf => Some(found),
            _ => Some(CompanyMatch::new(R::NameAndDomain, 900 + found.score / 20)),
        },
        None => shared.then(|| CompanyMatch::new(R::DomainOnly, 400)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::company;
    use super::*;

    const CODE: &str = "91110000802100433B";
    const OTHER: &str = "91350100M000100Y43";

    fn matched(
        a: (&str, Option<&str>, &str),
        b: (&str, Option<&str>, &str),
    ) -> Option<(MatchReason, Strength)> {
        let read = |side: (&str, Option<&str>, &str)| (company::parse(side.0).ok(), vec![side.2.to_owned()]);
        let ((left, left_domains), (right, right_domains)) = (read(a), read(b));
        let evidence = |name, credit_code, domains| CompanyEvidence { name, credit_code, domains };
        let left = evidence(left.as_ref(), a.1, left_domains.as_slice());
        let right = evidence(right.as_ref(), b.1, right_domains.as_slice());
        let found = match_companies(&left, &right);
        assert_eq!(found, match_companies(&right, &left));
        found.map(|found| (found.reason, found.strength))
    }

    #[test]
    fn evidence_adds_up() {
        use MatchReason as R;
        use Strength::{Strong, Weak};
        let plain = |a, b| matched((a, None, "a.example"), (b, None, "a.example"));
        assert_eq!(matched(("例图", Some(CODE), ""), ("样峰", Some(CODE), "")), Some((R::ExactCode, Strong)));
        assert_eq!(
            matched(("例图科技", Some(CODE), ""), ("例图科技", Some(OTHER), "")),
            Some((R::CodeDiffers, Weak))
        );
        assert_eq!(matched(("例图", Some(CODE), "a.example"), ("样峰", Some(OTHER), "a.example")), None);
        assert_eq!(
            matched(("例图科技", Some(CODE), ""), ("例图科技", None, "")),
            Some((R::ExactName, Strong))
        );
        assert_eq!(plain("例图科技", "上海例图科技有限公司"), Some((R::NameAndDomain, Strong)));
        assert_eq!(plain("例图", "上海例图科技有限公司"), Some((R::NameAndDomain, Strong)));
        assert_eq!(plain("浙江例图科技有限公司", "杭州例图科技有限公司"), Some((R::RegionWithin, Weak)));
        assert_eq!(plain("例图集团有限公司", "例图有限公司"), Some((R::GroupDiffers, Weak)));
        assert_eq!(plain("北京例图科技有限公司", "上海例图科技有限公司"), Some((R::DomainOnly, Weak)));
        assert_eq!(plain("无", "上海例图科技有限公司"), Some((R::DomainOnly, Weak)));
        assert_eq!(matched(("无", None, "qq.com"), ("上海例图科技有限公司", None, "qq.com")), None);
        assert_eq!(matched(("例图科技", None, "a.example"), ("样峰科技", None, "b.example")), None);
    }
}
