//! Legal forms of companies, Chinese, Japanese and Western, and which of them people mix up in writing.

use serde::{Deserialize, Serialize};

/// What kind of company the name says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegalForm {
    /// 有限公司, 有限责任公司.
    CnLimited,
    /// 股份有限公司.
    CnShares,
    /// 公司 without more.
    CnCompany,
    /// 合伙企业.
    CnPartnership,
    /// 厂.
    CnWorks,
    /// 个体工商户.
    CnSole,
    /// 株式会社, K.K.
    JpKk,
    /// 有限会社.
    JpYk,
    /// 合同会社.
    JpGk,
    /// Co., Ltd.
    CoLtd,
    /// Ltd, Limited.
    Ltd,
    /// Co., Company without more.
    Co,
    /// Pte Ltd (Singapore).
    PteLtd,
    /// Pvt Ltd (India).
    PvtLtd,
    /// Pty Ltd (Australia, South Africa).
    PtyLtd,
    /// Sdn Bhd (Malaysia).
    SdnBhd,
    /// PLC.
    Plc,
    /// LLC.
    Llc,
    /// LLP.
    Llp,
    /// Inc.
    Inc,
    /// Corp.
    Corp,
    /// GmbH.
    Gmbh,
    /// GmbH & Co. KG.
    GmbhCoKg,
    /// AG.
    Ag,
    /// KG, KGaA.
    Kg,
    /// OHG.
    Ohg,
    /// UG (haftungsbeschränkt).
    Ug,
    /// e.V.
    Ev,
    /// SE.
    Se,
    /// S.A.
    Sa,
    /// S.A.S.
    Sas,
    /// S.à r.l.
    Sarl,
    /// S.r.l.
    Srl,
    /// S.p.A.
    Spa,
    /// S.L.
    Sl,
    /// Lda, Ltda.
    Lda,
    /// B.V.
    Bv,
    /// N.V.
    Nv,
    /// AB.
    Ab,
    /// Oy, Oyj.
    Oy,
    /// A/S, AS, ASA.
    As,
    /// ApS.
    Aps,
    /// Sp. z o.o.
    SpZoo,
    /// s.r.o.
    Sro,
    /// Kft.
    Kft,
    /// d.o.o.
    Doo,
    /// JSC, OOO and other forms of eastern Europe.
    Jsc,
    /// PT (Indonesia).
    Pt,
}

use LegalForm as F;

impl LegalForm {
    /// The stable word for this form, as stored.
    #[must_use]
    pub fn code(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Whether people write one for the other and mean the same company. One registered name with two forms hardly
    /// exists beside itself (Chinese names are unique in their place), while GmbH and AG of one brand do.
    #[must_use]
    pub fn agrees_with(self, other: LegalForm) -> bool {
        let generic =
            |form| matches!(form, F::CnLimited | F::CnShares | F::CnCompany | F::CoLtd | F::Ltd | F::Co);
        let limited = |form| matches!(form, F::PteLtd | F::PvtLtd | F::PtyLtd | F::SdnBhd);
        let one_way = |a, b| {
            matches!(
                (a, b),
                (F::GmbhCoKg, F::Kg)
                    | (F::JpKk, F::CoLtd | F::Co)
                    | (F::Co, F::Inc | F::Corp | F::Llc)
                    | (F::Sarl, F::Srl)
                    | (F::Corp, F::Inc)
            ) || (limited(a) && matches!(b, F::Ltd | F::Co))
        };
        self == other || (generic(self) && generic(other)) || one_way(self, other) || one_way(other, self)
    }
}

/// Forms that end a Chinese or Japanese name and may also stand inside it, before a branch. Longest first.
pub(super) const HAN_FULL: [(&str, LegalForm); 12] = [
    ("股份有限责任公司", F::CnShares),
    ("股份有限公司", F::CnShares),
    ("有限责任公司", F::CnLimited),
    ("责任有限公司", F::CnLimited),
    ("有限合伙企业", F::CnPartnership),
    ("有限公司", F::CnLimited),
    ("合伙企业", F::CnPartnership),
    ("股份公司", F::CnShares),
    ("株式会社", F::JpKk),
    ("有限会社", F::JpYk),
    ("合同会社", F::JpGk),
    ("个体工商户", F::CnSole),
];

/// The characters that those forms end with.
pub(super) const FULL_END: [char; 4] = ['司', '业', '社', '户'];

/// Forms that only count at the very end of a name. Longest first.
pub(super) const HAN_END: [(&str, LegalForm); 6] = [
    ("总公司", F::CnCompany),
    ("公司", F::CnCompany),
    ("股份", F::CnShares),
    ("有限", F::CnLimited),
    ("总厂", F::CnWorks),
    ("厂", F::CnWorks),
];

/// Forms as the words that end a Western name, folded. Longer ones first where one ends in another.
const LATIN: &[(&[&str], LegalForm)] = &[
    (&["gesellschaft", "mit", "beschrankter", "haftung"], F::Gmbh),
    (&["gesellschaft", "mit", "beschraenkter", "haftung"], F::Gmbh),
    (&["gmbh", "and", "co", "kgaa"], F::GmbhCoKg),
    (&["gmbh", "and", "co", "kg"], F::GmbhCoKg),
    (&["gmbh", "co", "kg"], F::GmbhCoKg),
    (&["gmbh", "and", "cokg"], F::GmbhCoKg),
    (&["sp", "z", "o", "o"], F::SpZoo),
    (&["sp", "z", "oo"], F::SpZoo),
    (&["spolka", "z", "oo"], F::SpZoo),
    (&["and", "co", "kg"], F::Kg),
    (&["and", "co", "ltd"], F::CoLtd),
    (&["ug", "haftungsbeschrankt"], F::Ug),
    (&["ug", "haftungsbeschraenkt"], F::Ug),
    (&["and", "company", "limited"], F::CoLtd),
    (&["co", "ltd"], F::CoLtd),
    (&["co", "limited"], F::CoLtd),
    (&["company", "ltd"], F::CoLtd),
    (&["company", "limited"], F::CoLtd),
    (&["corporation", "limited"], F::CoLtd),
    (&["corporation", "ltd"], F::CoLtd),
    (&["corp", "ltd"], F::CoLtd),
    (&["limited", "liability", "company"], F::Llc),
    (&["pte", "ltd"], F::PteLtd),
    (&["pte", "limited"], F::PteLtd),
    (&["private", "limited"], F::PvtLtd),
    (&["pvt", "ltd"], F::PvtLtd),
    (&["pvt", "limited"], F::PvtLtd),
    (&["p", "ltd"], F::PvtLtd),
    (&["pty", "ltd"], F::PtyLtd),
    (&["pty", "limited"], F::PtyLtd),
    (&["proprietary", "limited"], F::PtyLtd),
    (&["sdn", "bhd"], F::SdnBhd),
    (&["kabushiki", "kaisha"], F::JpKk),
    (&["godo", "kaisha"], F::JpGk),
    (&["and", "co"], F::Co),
    (&["and", "company"], F::Co),
    (&["l", "l", "c"], F::Llc),
    (&["s", "p", "a"], F::Spa),
    (&["s", "r", "l"], F::Srl),
    (&["s", "a", "r", "l"], F::Sarl),
    (&["a", "r", "l"], F::Sarl),
    (&["sa", "rl"], F::Sarl),
    (&["s", "r", "o"], F::Sro),
    (&["d", "o", "o"], F::Doo),
    (&["k", "k"], F::JpKk),
    (&["b", "v"], F::Bv),
    (&["n", "v"], F::Nv),
    (&["s", "a"], F::Sa),
    (&["s", "l"], F::Sl),
    (&["a", "s"], F::As),
    (&["e", "v"], F::Ev),
    (&["pte"], F::PteLtd),
    (&["pty"], F::PtyLtd),
    (&["bhd"], F::SdnBhd),
    (&["gmbh"], F::Gmbh),
    (&["mbh"], F::Gmbh),
    (&["ltd"], F::Ltd),
    (&["limited"], F::Ltd),
    (&["ltda"], F::Lda),
    (&["lda"], F::Lda),
    (&["llc"], F::Llc),
    (&["llp"], F::Llp),
    (&["plc"], F::Plc),
    (&["inc"], F::Inc),
    (&["incorporated"], F::Inc),
    (&["corp"], F::Corp),
    (&["corporation"], F::Corp),
    (&["company"], F::Co),
    (&["co"], F::Co),
    (&["kgaa"], F::Kg),
    (&["kg"], F::Kg),
    (&["ag"], F::Ag),
    (&["ohg"], F::Ohg),
    (&["ug"], F::Ug),
    (&["ev"], F::Ev),
    (&["se"], F::Se),
    (&["sas"], F::Sas),
    (&["sarl"], F::Sarl),
    (&["srl"], F::Srl),
    (&["spa"], F::Spa),
    (&["sa"], F::Sa),
    (&["slu"], F::Sl),
    (&["sl"], F::Sl),
    (&["bv"], F::Bv),
    (&["nv"], F::Nv),
    (&["ab"], F::Ab),
    (&["oyj"], F::Oy),
    (&["oy"], F::Oy),
    (&["asa"], F::As),
    (&["as"], F::As),
    (&["aps"], F::Aps),
    (&["spzoo"], F::SpZoo),
    (&["sro"], F::Sro),
    (&["kft"], F::Kft),
    (&["zrt"], F::Kft),
    (&["doo"], F::Doo),
    (&["pjsc"], F::Jsc),
    (&["jsc"], F::Jsc),
    (&["ooo"], F::Jsc),
    (&["tbk"], F::Pt),
    (&["kk"], F::JpKk),
    (&["gk"], F::JpGk),
];

/// The form a row of folded words ends with and how many words it takes; a name is left in front of it.
pub(super) fn latin_end(words: &[&str]) -> Option<(LegalForm, usize)> {
    let (form, found) =
        LATIN.iter().find(|(form, _)| words.ends_with(form)).map(|(form, found)| (form.len(), *found))?;
    (form < words.len()).then_some((found, form))
}

/// The form a row of folded words begins with (PT, OOO), where a name follows.
pub(super) fn latin_start(words: &[&str]) -> Option<LegalForm> {
    match words {
        ["pt", _, ..] => Some(F::Pt),
        ["ooo" | "zao" | "oao" | "ao", _, ..] => Some(F::Jsc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_form_is_never_hidden_by_a_shorter_one() {
        for (at, (form, _)) in LATIN.iter().enumerate() {
            let hidden =
                LATIN[..at].iter().find(|(earlier, _)| form.ends_with(earlier) && earlier.len() < form.len());
            assert!(hidden.is_none(), "{form:?} is hidden by {hidden:?}");
        }
        assert!(HAN_FULL.iter().all(|(form, _)| form.ends_with(FULL_END)));
        for table in [&HAN_FULL[..], &HAN_END[..]] {
            for (at, (form, _)) in table.iter().enumerate() {
                assert!(table[..at].iter().all(|(earlier, _)| !form.ends_with(earlier)), "{form} is hidden");
            }
        }
    }

    #[test]
    fn agreement_goes_both_ways() {
        let all =
            LATIN.iter().map(|(_, form)| *form).chain(HAN_FULL.iter().chain(&HAN_END).map(|(_, form)| *form));
        let all: Vec<LegalForm> = all.collect();
        for a in &all {
            for b in &all {
                assert_eq!(a.agrees_with(*b), b.agrees_with(*a), "{a:?} {b:?}");
            }
            assert!(a.agrees_with(*a));
        }
        assert!(
            !F::Gmbh.agrees_with(F::Ag)
                && !F::PteLtd.agrees_with(F::PtyLtd)
                && !F::CnWorks.agrees_with(F::CnLimited)
        );
    }
}
