//! Words of company names that say what a company does, not who it is; placeholders; numbers written in characters.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::super::text::han_digit;

/// What Chinese companies do, as it ends their names.
const HAN_INDUSTRIES: &str = "科技 科技发展 技术 技术开发 技术服务 信息 信息技术 信息科技 信息系统 信息工程 信息产业 软件 软件技术 软件科技 软件开发 \
     网络 网络科技 网络技术 网络信息 互联网 大数据 数据 数据科技 数字 数字科技 数码 数码科技 云计算 云科技 人工智能 智能 智能科技 \
     智能制造 智能装备 智能设备 智能系统 智能技术 自动化 自动化设备 自动化科技 自动化技术 自动化工程 机器人 机器人科技 机械 机械制造 \
     机械设备 机械工业 机械科技 机电 机电设备 机电工程 机床 数控 数控机床 模具 工具 刀具 五金 五金制品 金属 金属制品 金属材料 钢铁 \
     钢结构 铸造 锻造 电子 电子科技 电子技术 电子商务 电器 电气 电气设备 电气科技 电力 电力科技 电力设备 电缆 电线电缆 电源 电池 \
     照明 光电 光电科技 光学 激光 激光科技 半导体 集成电路 微电子 芯片 传感 传感器 传感技术 仪器 仪器仪表 仪表 测控 测控技术 检测 \
     检测技术 检验 认证 计量 测试 通信 通信技术 通讯 通讯设备 设备 设备制造 装备 装备制造 制造 工业 工业科技 工业设备 工程 工程技术 \
     工程设计 建筑 建筑工程 建筑设计 建筑科技 建设 建设工程 建材 装饰 装饰工程 设计 园林 园林绿化 房地产 房地产开发 地产 置业 物业 \
     物业管理 物业服务 物流 国际物流 物流科技 供应链 供应链管理 供应链科技 运输 货运 国际货运 航运 贸易 国际贸易 进出口 进出口贸易 商贸 \
     工贸 实业 实业发展 商业 商业管理 商务 商务服务 发展 投资 投资管理 资产管理 资本 基金 基金管理 股权投资 证券 保险 保险经纪 金融 \
     金融服务 融资租赁 租赁 咨询 管理咨询 企业管理 企业管理咨询 企业服务 管理 服务 人力资源 人力资源服务 劳务 教育 教育科技 教育咨询 \
     培训 文化 文化传播 文化传媒 文化发展 传媒 传播 广告 广告传媒 影视 体育 旅游 酒店 酒店管理 餐饮 餐饮管理 食品 食品科技 饮料 乳业 \
     酒业 茶业 农业 农业科技 农业发展 牧业 水产 粮油 种业 生物 生物科技 生物技术 生物医药 生物工程 医药 医药科技 制药 药业 医疗 \
     医疗科技 医疗器械 医疗设备 医疗技术 健康 健康科技 健康管理 诊断 化工 化学 化学工业 化妆品 日化 涂料 塑料 塑胶 塑料制品 橡胶 \
     材料 材料科技 新材料 新材料科技 复合材料 纳米科技 包装 包装材料 包装制品 印刷 印务 纸业 纺织 纺织品 化纤 服装 服饰 鞋业 家具 家居 \
     家居用品 家电 玩具 珠宝 能源 能源科技 新能源 新能源科技 新能源汽车 光伏 光伏科技 太阳能 风电 石油 石化 燃气 煤业 矿业 环保 \
     环保科技 环保工程 环境 环境科技 环境工程 水务 汽车 汽车零部件 汽车配件 汽车销售 汽车科技 汽车服务 零部件 轴承 阀门 泵业 密封件 \
     液压 液压机械 传动 传动设备 船舶 航空 航天 航空科技 安防 安防科技 安全 安全技术 保安服务 电梯 制冷 制冷设备 空调 水处理 净化 \
     净化设备 系统 系统集成 系统工程 系统科技 国际 产业 产业发展 创新 创业";

/// What Western companies do, as canonical words.
const LATIN_INDUSTRIES: &str = "technology software system solution service industry product electronic electric electrical machinery machine \
     manufacturing engineering trading trade consulting automation robotic robot instrument equipment material chemical energy logistic \
     pharmaceutical medical health healthcare food plastic semiconductor network information digital data media design \
     development international import export supply tool precision intelligent construction investment management \
     enterprise motor automotive automobile technik maschinenbau anlagenbau elektronik elektrotechnik systeme software werkzeuge \
     lighting optic optical laser sensor packaging printing textile furniture marketing education science lab laboratory";

/// What people write to say nothing, without spaces and punctuation.
const PLACEHOLDERS: &str = "无 没有 暂无 暂时没有 无公司 没有公司 无单位 个人 个人用户 个人公司 个人客户 \
     私人 自己 本人 我 测试 测试公司 测试测试 测试用 测试数据 测试一下 自由职业 \
     自由职业者 自由人 自由 学生 在校学生 待业 无业 失业 退休 家庭主妇 保密 \
     不便透露 不方便透露 不告诉你 某公司 某某公司 某某 某 公司 公司名 公司名称 \
     企业名称 单位 单位名称 请填写 待定 未知 不详 不知道 其他 其它 空 暂不填写 \
     不填 略 na none null nil no nocompany notapplicable test testing testcompany freelance freelancer \
     selfemployed self student unemployed retired company mycompany companyname private individual personal unknown \
     other undefined tbd asdf asdfg asd qwerty qwer 123 1234 abcd";

static NOTHING: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| PLACEHOLDERS.split_whitespace().collect());
static HAN: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| HAN_INDUSTRIES.split_whitespace().collect());
static LATIN: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| LATIN_INDUSTRIES.split_whitespace().collect());

/// Most characters of one industry word.
const LONGEST: usize = 6;

/// The brand of a Chinese core: what stays when the industries at its end are taken off, at least two characters.
/// Nothing when the core is industry throughout.
pub(super) fn han_brand(core: &str) -> Option<&str> {
    let mut brand = core;
    loop {
        let starts: Vec<usize> = brand.char_indices().map(|(at, _)| at).collect();
        let first = starts.len().saturating_sub(LONGEST);
        let cut = starts.iter().skip(first).find(|&&at| brand.get(at..).is_some_and(|end| HAN.contains(end)));
        match cut {
            None => return Some(brand),
            Some(0) => return None,
            // One character is no brand: keep 中科技 whole rather than 中.
            Some(&at) if brand.get(..at).is_none_or(|front| front.chars().nth(1).is_none()) => {
                return Some(brand);
            }
            Some(&at) => brand = brand.get(..at).unwrap_or_default(),
        }
    }
}

/// How many of the words in front are the brand of a Western name; none when the name is industry throughout.
pub(super) fn latin_brand(words: &[&str]) -> usize {
    words.iter().rposition(|word| !LATIN.contains(word)).map_or(0, |last| last + 1)
}

/// One word for what people shorten or put in the plural.
pub(super) fn canonical(word: &str) -> String {
    let known = match word {
        "tech" | "technologies" | "technol" => "technology",
        "intl" | "int" | "internat" | "internationale" | "internacional" => "international",
        "mfg" | "manuf" | "mfr" => "manufacturing",
        "sys" => "system",
        "svc" | "svcs" | "serv" => "service",
        "mgmt" | "mgt" => "management",
        "dev" | "devt" => "development",
        "equip" | "eqpt" => "equipment",
        "ind" | "inds" | "industrial" => "industry",
        "sci" => "science",
        "bros" => "brother",
        "assoc" | "assocs" => "associate",
        "info" => "information",
        "natl" => "national",
        "und" | "et" | "y" => "and",
        "univ" => "university",
        "pharm" | "pharma" => "pharmaceutical",
        "auto" => "automotive",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    // Plurals of what companies do; a brand keeps its letters (Williams is not William).
    let singular = match (word.strip_suffix("ies"), word.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => return word.to_owned(),
    };
    let known =
        LATIN.contains(singular.as_str()) || matches!(singular.as_str(), "brother" | "associate" | "partner");
    if known { singular } else { word.to_owned() }
}

/// Whether a folded text without spaces is what people write to say nothing.
pub(super) fn is_placeholder(compact: &str) -> bool {
    // A run of digits is a phone number or a code; 360 and 3721 are brands.
    let no_brand = |digits: usize| digits == 0 || digits > 4;
    let no_letters = !compact.chars().any(char::is_alphabetic);
    let mut chars = compact.chars();
    let first = chars.next();
    let repeated = first.is_some() && chars.all(|c| Some(c) == first);
    (no_letters && no_brand(compact.chars().filter(|c| c.is_numeric()).count()))
        || repeated
        || NOTHING.contains(compact)
}

/// The text behind a label such as 公司名称: or Company:.
pub(super) fn without_label(folded: &str) -> &str {
    const LABELS: [&str; 14] = [
        "公司",
        "公司名",
        "公司名称",
        "公司全称",
        "单位",
        "单位名称",
        "工作单位",
        "企业",
        "企业名称",
        "名称",
        "抬头",
        "company",
        "company name",
        "organization",
    ];
    match folded.split_once(':') {
        Some((label, rest)) if LABELS.contains(&label.trim()) => rest.trim_start(),
        _ => folded,
    }
}

/// Whether the core of a name says nothing though a legal form stands behind it: XX有限公司.
pub(super) fn is_empty_core(core: &str) -> bool {
    matches!(
        core,
        "xx" | "xxx" | "xxxx" | "某" | "某某" | "某某某" | "测试" | "test" | "aa" | "aaa" | "公司" | "个人"
    )
}

/// Chinese numerals as digits where they count something: behind 第, and wholly where `text` is a numeral and a unit.
pub(super) fn ordinals_as_digits(text: &str) -> String {
    if !text.contains('第') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((front, behind)) = rest.split_once('第') {
        out.push_str(front);
        out.push('第');
        let end = behind.find(|c| !is_numeral(c)).unwrap_or(behind.len());
        let (numeral, after) = behind.split_at_checked(end).unwrap_or((behind, ""));
        match number(numeral) {
            Some(value) => out.push_str(&value.to_string()),
            None => out.push_str(numeral),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn is_numeral(c: char) -> bool {
    c == '十' || c == '百' || c.is_ascii_digit() || (han_digit(c).is_some() && c != '○')
}

/// The value of a numeral below 1000: 12, 十二, 二十三, 一百零二.
fn number(numeral: &str) -> Option<u32> {
    if numeral.is_empty() || numeral.chars().count() > 6 {
        return None;
    }
    let (mut total, mut digit) = (0_u32, None::<u32>);
    for c in numeral.chars() {
        match c {
            '十' => total += digit.take().unwrap_or(1) * 10,
            '百' => total += digit.take().unwrap_or(1) * 100,
            _ => {
                let value = c.to_digit(10).or_else(|| han_digit(c).map(u32::from))?;
                digit = Some(digit.filter(|_| c.is_ascii_digit()).unwrap_or(0) * 10 + value);
            }
        }
    }
    Some(total + digit.unwrap_or(0))
}

/// Splits a numeral off the end: 示例机械二 → 示例机械, 2. A 第 in front of it goes too.
pub(super) fn take_trailing_number(text: &str) -> Option<(&str, u32)> {
    let start = text.char_indices().rev().take_while(|(_, c)| is_numeral(*c)).last().map(|(at, _)| at)?;
    let (front, numeral) = text.split_at_checked(start)?;
    let front = front.strip_suffix('第').unwrap_or(front);
    number(numeral).map(|value| (front, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands() {
        for (core, brand) in [
            ("示例科技", Some("示例")),
            ("示例新能源科技", Some("示例")),
            ("示例智能装备制造", Some("示例")),
            ("示例", Some("示例")),
            ("中科技", Some("中科技")),
            ("信息技术", None),
            ("机器人科技", None),
            ("甲乙丙丁", Some("甲乙丙丁")),
        ] {
            assert_eq!(han_brand(core), brand, "{core}");
        }
        assert_eq!(latin_brand(&["example", "robotic", "technology"]), 1);
        assert_eq!(latin_brand(&["example"]), 1);
        assert_eq!(latin_brand(&["technology"]), 0);
    }

    #[test]
    fn longest_industry_is_within_reach() {
        assert_eq!(HAN.iter().map(|word| word.chars().count()).max(), Some(LONGEST));
        assert!(LATIN.iter().all(|word| canonical(word) == *word), "canonical words only");
    }

    #[test]
    fn numbers() {
        assert_eq!(ordinals_as_digits("第二十三工程第1处"), "第23工程第1处");
        assert_eq!(ordinals_as_digits("第一百零二"), "第102");
        assert_eq!(ordinals_as_digits("三一重工第"), "三一重工第");
        assert_eq!(take_trailing_number("机械第二"), Some(("机械", 2)));
        assert_eq!(take_trailing_number("机械12"), Some(("机械", 12)));
        assert_eq!(take_trailing_number("机械"), None);
        assert_eq!(number("九九九九九九九"), None);
    }

    #[test]
    fn placeholders() {
        for none in ["无", "", "na", "111", "13800000001", "xx", "测试", "a", "aaaa", "asdf"] {
            assert!(is_placeholder(none), "{none}");
        }
        for name in ["示例", "360", "3721", "ab"] {
            assert!(!is_placeholder(name), "{name}");
        }
    }
}
